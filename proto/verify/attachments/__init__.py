"""Attachments of verbund, written from SPEC alone."""

from .capability import capability, capability_hash, check_capability
from .geometry import Geometry, of_padded, of_sealed_size, of_size, padme
from .header import Header
from .opener import Opener
from .reference import Reference
from .refusal import Refusal
from .sealer import Sealer
from .server import Intake
