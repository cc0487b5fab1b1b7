"""ROS 2 lifecycle nodes: the only code that imports rclpy and message packages."""
