"""Packaging: `pip install .` gives the `pixace` command."""

import re
from pathlib import Path

from setuptools import find_packages, setup

HERE = Path(__file__).parent
VERSION = re.search(r'__version__ = "(.+?)"', (HERE / "pixace" / "__init__.py").read_text())[1]

setup(
    name="pixace",
    version=VERSION,
    description="Tiny image models that learn to draw from a folder and finish your pictures",
    long_description=(HERE / "README.md").read_text(encoding="utf-8"),
    long_description_content_type="text/markdown",
    license="MIT",
    # All dependencies have wheels for these; tensorflow-text has none for Windows, and neither it
    # nor jaxlib has any for Macs with Intel processors.
    classifiers=["Operating System :: POSIX :: Linux", "Operating System :: MacOS :: MacOS X"],
    packages=find_packages(include=["pixace", "pixace.*"]),
    package_data={
        "pixace": ["py.typed", "weights/*/*", "pages/*.css", "serving/page.*", "serving/*.js"]
    },
    python_requires=">=3.11,<3.14",
    # Lower bounds are the oldest versions the test suite has passed with, upper bounds the first
    # that it has not seen.
    install_requires=[
        "trax==1.4.1",
        "jax>=0.10.2,<0.13",
        "jaxlib>=0.10.2,<0.13",
        "tensorflow>=2.21,<2.22",
        "tensorboard>=2.21,<2.22",
        "matplotlib>=3.11,<3.12",
        "numpy>=2.4,<2.6",
        "pillow>=13,<14",
        "absl-py>=2.5,<3",
        "requests>=2.34,<3",
        "tqdm>=4.70,<5",
        "urllib3>=2.8,<3",
        "werkzeug>=3.1,<4",  # TensorBoard's
    ],
    extras_require={
        "cuda12": ["jax[cuda12]>=0.10.2,<0.13"],
        "cuda13": ["jax[cuda13]>=0.10.2,<0.13"],
        "safetensors": ["safetensors>=0.8,<0.9"],
        "dev": [
            "safetensors>=0.8,<0.9",
            "pytest>=9.2,<10",
            "pytest-xdist>=3.8,<4",
            "hypothesis>=6.170,<7",
            "ruff>=0.17,<0.18",
            "mypy>=2.4,<3",
            "pdoc>=16,<17",
            "nbclient>=0.11,<0.12",
            "nbformat>=5.11,<6",
            "ipykernel>=7.4,<8",
            "pytiled-parser>=2.2.9,<3",
            "types-requests>=2.33",
            "websocket-client>=1.9.2,<2",
        ],
    },
    entry_points={"console_scripts": ["pixace = pixace.__main__:main"]},
)
