"""A stack and trees to pictures."""

from neurorecon.commands.view.run import ViewRequest, default_outputs, view
from neurorecon.commands.view.scene import Scene, SceneRequest, open_scene

__all__ = ["Scene", "SceneRequest", "ViewRequest", "default_outputs", "open_scene", "view"]
