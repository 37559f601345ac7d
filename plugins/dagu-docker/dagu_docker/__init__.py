"""Steps in containers, DAGs in containers, images built on the fly."""
