-- Run once, on an empty volume; `rxplain` is the database of the store and is there already.
CREATE DATABASE mlflow;
