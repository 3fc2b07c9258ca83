"""Moving sessions from Beaker's other backends: Beaker's own, on real stores where possible."""
