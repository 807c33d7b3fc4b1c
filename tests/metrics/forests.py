"""Trees for the tests of scores."""

from dataclasses import replace

import numpy as np

from neurorecon.morphology import Morphology


def forest(point_zyx, parent, radius=1.0, unit="voxel"):
    count = len(parent)
    return Morphology(
        np.asarray(point_zyx, np.float64).reshape(count, 3),
        np.broadcast_to(np.asarray(radius, np.float64), count).copy(),
        np.asarray(parent, np.int64),
        np.zeros(count, np.int64),
        unit,
    )


def path(*point_zyx):
    """One neurite from the first point to the last."""
    return forest(point_zyx, np.arange(-1, len(point_zyx) - 1))


def grown(seed, count=60, fork_share=0.15, tree_share=0.03):
    """A random forest; every edge is longer than half a voxel."""
    random = np.random.default_rng(seed)
    point, parent = [random.uniform(0, 40, 3)], [-1]
    for row in range(1, count):
        if random.random() < tree_share:
            point.append(random.uniform(0, 40, 3))
            parent.append(-1)
            continue
        parent.append(int(random.integers(row)) if random.random() < fork_share else row - 1)
        step = random.normal(size=3)
        point.append(point[parent[-1]] + step / np.linalg.norm(step) * random.uniform(0.6, 6))
    return forest(point, parent, random.uniform(0.5, 3, count))


def pair(seed, **options):
    """A forest and the same with its nodes displaced: test and gold."""
    gold = grown(seed, **options)
    noise = np.random.default_rng(seed + 1).normal(size=gold.point_zyx.shape)
    return replace(gold, point_zyx=gold.point_zyx + noise), gold


def shuffled(tree, seed):
    """The same tree with its rows in another order."""
    return tree.take(np.random.default_rng(seed).permutation(len(tree)))


def rerooted(tree, new_root):
    """The same edges with the path to the new root turned round."""
    parent = tree.parent.copy()
    row, above = new_root, -1
    while row >= 0:
        parent[row], above, row = above, row, int(parent[row])
    return replace(tree, parent=parent)


def scaled(tree, scale):
    return replace(tree, point_zyx=tree.point_zyx * scale, radius=tree.radius * scale)


def turned(tree, seed, about_z=False):
    """The same tree after a rigid motion."""
    random = np.random.default_rng(seed)
    rotation, _ = np.linalg.qr(random.normal(size=(3, 3)))
    if about_z:
        angle = random.uniform(0, 6)
        cos, sin = np.cos(angle), np.sin(angle)
        rotation = np.array([[1, 0, 0], [0, cos, sin], [0, -sin, cos]])
    shift = random.uniform(-500, 500, 3)
    return replace(tree, point_zyx=tree.point_zyx @ rotation + shift)


# z, y, x:   0 - 1 -< 2 - 3
#                    4 -< 5
#                         6
Y_POINTS = [
    [0, 0, 0], [0, 0, 10], [0, 10, 20], [0, 20, 30], [0, -10, 20], [0, -20, 20], [0, -10, 40]
]  # fmt: skip
Y_TREE = forest(Y_POINTS, [-1, 0, 1, 2, 1, 4, 4], [2, 2, 1, 1, 1, 1, 1])
