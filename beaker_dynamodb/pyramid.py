"""``config.include('beaker_dynamodb.pyramid')``: pyramid_beaker with `DynamoDBSession`.

Takes pyramid_beaker's settings (``session.*``, ``beaker.session.*``, cache regions) and replaces
``config.include('pyramid_beaker')``.
"""

from __future__ import annotations

from typing import Any

from beaker_dynamodb import casters
from beaker_dynamodb.errors import ConfigurationError
from beaker_dynamodb.namespace import register
from beaker_dynamodb.session import DynamoDBSession


def includeme(config: Any) -> None:
    """Set the session factory and the cache regions from the settings.

    :param config: Pyramid's Configurator.
    :raises ConfigurationError: pyramid_beaker is missing.
    """
    try:
        import pyramid_beaker
    except ImportError as error:
        raise ConfigurationError("pyramid_beaker is missing: pip install pyramid_beaker") from error
    register()
    settings = dict(config.registry.settings)
    if not {"session.type", "beaker.session.type"} & settings.keys():
        settings["session.type"] = "ext:dynamodb"
    for name in ("session.invalidate_corrupt", "beaker.session.invalidate_corrupt"):
        if name in settings:
            # Beaker takes it as it is, and the text "false" of an INI file for true.
            settings[name] = casters.boolean(settings[name])
    settings["session.session_class"] = DynamoDBSession
    config.set_session_factory(pyramid_beaker.session_factory_from_settings(settings))
    pyramid_beaker.set_cache_regions_from_settings(config.registry.settings)
