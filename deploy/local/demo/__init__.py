"""The main job, played once through the public surface on a brand made for it."""

from deploy.local.demo.play import play

__all__ = ["play"]
