"""Word processors and slides: Office Open XML, OpenDocument and RTF."""
