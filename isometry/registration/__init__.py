"""Registration: the rigid transform between two clouds, whatever their orientation, and how sure it is."""
