"""Find the poses of known objects: `ros2 launch isometry object_pose.launch.py image:=/camera/color/image_raw`."""

from launch import LaunchDescription

from isometry.nodes.runtime.launching import choice, describe, flag, text


def generate_launch_description() -> LaunchDescription:
    topics = {
        "image": "topic of the colour sensor_msgs/Image",
        "camera_info": "topic of its sensor_msgs/CameraInfo",
        "depth": "topic of the depth sensor_msgs/Image",
        "depth_camera_info": "topic of its sensor_msgs/CameraInfo",
        "detections": "topic of the vision_msgs/Detection2DArray",
        "labels": "topic of the label sensor_msgs/Image",
    }
    parameters = [
        text("objects", "folder of the meshes of known objects", "objects"),
        choice("input", ["detections", "labels", "none"], "boxes on detections, a label image on labels, or neither"),
        text("class_names", "names of objects by class id or label, as 1=mug,2=carton"),
        choice("depth_registration", ["auto", "none"], "auto: by TF and both camera_info; none: registered already"),
        choice("output_frame", ["camera", "base", "odom"], "frame of the poses"),
        flag("publish_tf", True, "publish the frame of each object on /tf"),
    ]
    return describe("object_pose", topics, parameters)
