"""The arrays that teaching computes with."""

import numpy as np
from numpy.typing import NDArray

Matrix = NDArray[np.float64]
Features = NDArray[np.float32]
