"""Readers of data sets in the layout of BOP, the benchmark for 6D object pose.

Hodan et al., "BOP: Benchmark for 6D object pose estimation", ECCV 2018.

    DIR/models/obj_NNNNNN.ply                 meshes or sets of points, millimetres
    DIR/models/models_info.json               diameters and symmetries
    DIR/test/NNNNNN/scene_camera.json         camera matrix and scale of the depth of each frame
    DIR/test/NNNNNN/scene_gt.json             poses of the instances
    DIR/test/NNNNNN/scene_gt_info.json        how much of each is visible; may be missing
    DIR/test/NNNNNN/rgb, depth/NNNNNN.png     images; colour may be .jpg
    DIR/test/NNNNNN/mask_visib/NNNNNN_NNNNNN.png  visible pixels of an instance, by its place in scene_gt.json
"""
