"""neurorecon in napari: SWC files as layers, the commands as widgets (see `napari.yaml`)."""
