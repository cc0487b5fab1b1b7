"""Follow a camera: `ros2 launch isometry depth_egomotion.launch.py image:=/camera/color/image_raw`."""

from launch import LaunchDescription

from isometry.nodes.runtime.launching import choice, describe, flag, text


def generate_launch_description() -> LaunchDescription:
    topics = {
        "image": "topic of the colour or grey sensor_msgs/Image",
        "camera_info": "topic of its sensor_msgs/CameraInfo",
        "depth": "topic of the depth sensor_msgs/Image (mode rgbd)",
        "depth_camera_info": "topic of its sensor_msgs/CameraInfo (mode rgbd)",
        "wheel_odometry": "topic of the nav_msgs/Odometry whose speed is the scale (speed_input:=odometry)",
        "odom": "topic of the nav_msgs/Odometry to publish",
    }
    parameters = [
        choice("mode", ["rgbd", "mono"], "with depth, or one camera alone"),
        choice("method", ["auto", "rgbd", "mono", "gicp"], "auto: that of the mode; gicp: the plain baseline"),
        choice("depth_registration", ["auto", "none"], "auto: by TF and both camera_info; none: registered already"),
        text("base_frame", "frame of the body that is followed; empty: that of the image", "base_link"),
        choice("sensor_pose", ["tf", "identity"], "camera on the body: from TF, or at it and looking along its x axis"),
        flag("publish_tf", True, "publish odom -> base_link on /tf"),
        flag("publish_map", True, "publish map -> odom on /tf"),
        text("depth_model", "mode mono: network (.onnx) whose depth is published; shipped: that of the package"),
        choice("speed_input", ["none", "odometry"], "mode mono: the scale by the speed on wheel_odometry"),
        text("known_map", "file of a map in which the camera is looked for"),
        text("map_file", "file that ~/save_map writes the map to"),
    ]
    return describe("depth_egomotion", topics, parameters)
