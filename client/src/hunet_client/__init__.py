"""Client of the Mamba-HUNet serving system. Research use only."""
