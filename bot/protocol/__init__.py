"""What the control plane and an agent say to each other, over HTTP and JSON.

Rules of this package: fields are only ever added, an unknown field is ignored, a missing
required one is refused, and both sides may be one release apart.
"""
