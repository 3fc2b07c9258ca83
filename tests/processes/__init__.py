"""The application in servers as people run them: several processes, threads, greenlets."""
