"""The radiologist's page: plain modules, styles and pictures, served as they are."""
