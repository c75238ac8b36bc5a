"""The peer's side, in its old environment: Horovod's Spark Keras estimator as in its examples.

    python horovod_estimator.py '{"rows": …, "folder": …, "epochs": 2, "ranks": 2, "batch": 128, "scored": 2000}'

Imports nothing of laketrain. Features and one-hot labels are Spark ML vectors; the batch of a rank is its part of the
global one. Its last line is a JSON object: seconds of the fit and of its parts, rows per second of transform, accuracy
on the validation rows.
"""

import json
import os
import sys
import time

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import tensorflow as tf
from horovod.spark.common.backend import SparkBackend
from horovod.spark.common.store import Store
from horovod.spark.keras import KerasEstimator
from pyspark.ml.functions import array_to_vector
from pyspark.sql import SparkSession


class Marks(tf.keras.callbacks.Callback):
    """Records when the first rank began and ended training, by the clock that all processes share."""

    def __init__(self, folder):
        super().__init__()
        self.folder = folder

    def on_train_begin(self, logs=None):
        self.mark("begin")

    def on_train_end(self, logs=None):
        self.mark("end")

    def mark(self, name):
        import horovod.tensorflow.keras as hvd

        if hvd.rank() == 0:
            with open(os.path.join(self.folder, name), "w") as file:
                file.write(str(time.time()))


class TimedEstimator(KerasEstimator):
    """Records when the rows are prepared."""

    def _fit_on_prepared_data(self, *args, **kwargs):
        type(self).prepared = time.time()
        return super()._fit_on_prepared_data(*args, **kwargs)


def network(filters, kernel, dense):
    """The zoo's `cnn` on floats from 0 to 255."""
    layers = tf.keras.layers
    return tf.keras.Sequential([
        layers.Input((3072,)), layers.Rescaling(1 / 127.5, offset=-1.0), layers.Reshape((32, 32, 3)),
        layers.Conv2D(filters, kernel, activation="relu"), layers.MaxPooling2D(2), layers.Flatten(),
        layers.Dense(dense, activation="relu"), layers.Dense(10, activation="softmax")])


def read_mark(folder, name):
    with open(os.path.join(folder, name)) as file:
        return float(file.read())


def main(settings):
    spark = (SparkSession.builder.master(f"local[{settings['cores']}]").appName("peers")
             .config("spark.ui.enabled", "false").config("spark.driver.memory", "4g")
             .config("spark.driver.host", "127.0.0.1").config("spark.driver.bindAddress", "127.0.0.1")
             .config("spark.local.dir", settings["folder"]).getOrCreate())
    spark.sparkContext.setLogLevel("ERROR")
    frame = spark.read.parquet(settings["data"]).select(
        array_to_vector("features").alias("features"), array_to_vector("label").alias("label"))
    frame.limit(1).collect()
    estimator = TimedEstimator(
        backend=SparkBackend(num_proc=settings["ranks"], use_mpi=False, use_gloo=True, verbose=0),
        store=Store.create(os.path.join(settings["folder"], "store")), model=network(*settings["network"]),
        optimizer=tf.keras.optimizers.Adam(0.001), loss="categorical_crossentropy", metrics=["accuracy"],
        feature_cols=["features"], label_cols=["label"], batch_size=settings["batch"] // settings["ranks"],
        epochs=settings["epochs"], validation=settings["validation"], random_seed=1, verbose=0,
        callbacks=[Marks(settings["folder"])])
    started = time.time()
    model = estimator.fit(frame)
    ended = time.time()
    begin, end = read_mark(settings["folder"], "begin"), read_mark(settings["folder"], "end")
    scored = frame.limit(settings["scored"]).cache()
    rows, began = scored.count(), time.time()
    model.transform(scored).write.format("noop").mode("overwrite").save()
    seconds = time.time() - began
    history = model.getHistory()
    print(json.dumps({
        "fit": ended - started, "prepare": TimedEstimator.prepared - started, "launch": begin - TimedEstimator.prepared,
        "epochs": end - begin, "after": ended - end, "transform": rows / seconds,
        "accuracy": float(history["val_accuracy"][-1])}), flush=True)
    spark.stop()


if __name__ == "__main__":
    main(json.loads(sys.argv[1]))
