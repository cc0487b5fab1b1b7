"""Registration: the rigid transform between two clouds in any orientation, its covariance and confidence."""
