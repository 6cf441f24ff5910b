"""The hooks' specifications."""

import inspect

import pluggy
import pytest

from embedlane.plugin import hookimpl, hookspecs
from embedlane.plugin.discovery import hook_names


@pytest.mark.parametrize("name", hook_names())
def test_each_hook_says_what_it_is_for(name):
    """An example, when it is called, and the release that brought it; each argument is explained."""
    hook = getattr(hookspecs, name)
    text = inspect.getdoc(hook)
    assert "Called " in text
    assert f"@hookimpl\n    def {name}(" in text
    assert ".. versionadded:: " in text
    for argument in inspect.signature(hook).parameters:
        assert f"{argument}: " in text.partition("Args:")[2]


def test_arguments_may_be_left_out():
    """So that hooks can grow without breaking plugins."""
    manager = pluggy.PluginManager(hookspecs.PROJECT)
    manager.add_hookspecs(hookspecs)

    class _Plugin:
        @hookimpl
        def embedlane_credential(self):
            return "secret"

    manager.register(_Plugin())
    manager.check_pending()
    assert manager.hook.embedlane_credential(provider="acme") == "secret"
