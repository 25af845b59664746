"""What may stand in a field of a message? Types that carry their bounds.

Rules: protocol.md A4 (lengths of ids), security.md 2.3 (integers), 2.4 (lengths of texts).
"""

from typing import Annotated

from msgspec import Meta

from kithspace.core.ids import DeviceKey, FeedId, GenerationId, IdentityId, SpaceId

Bytes8 = Annotated[bytes, Meta(min_length=8, max_length=8)]
Bytes16 = Annotated[bytes, Meta(min_length=16, max_length=16)]
Bytes32 = Annotated[bytes, Meta(min_length=32, max_length=32)]
Signature = Annotated[bytes, Meta(min_length=64, max_length=64)]
Space = Annotated[SpaceId, Meta(min_length=32, max_length=32)]
Identity = Annotated[IdentityId, Meta(min_length=32, max_length=32)]
Device = Annotated[DeviceKey, Meta(min_length=32, max_length=32)]
Feed = Annotated[FeedId, Meta(min_length=32, max_length=32)]
Generation = Annotated[GenerationId, Meta(min_length=16, max_length=16)]
Heads = Annotated[tuple[Bytes32, ...], Meta(max_length=16)]
Natural = Annotated[int, Meta(ge=0, le=2**53 - 1)]
Channel = Annotated[int, Meta(ge=0, le=2**32)]
Number32 = Annotated[int, Meta(ge=0, le=2**32 - 1)]
What = Annotated[int, Meta(ge=0, le=1)]
Code = Annotated[str, Meta(max_length=32)]
Name = Annotated[str, Meta(max_length=128)]
SealedKey = Annotated[bytes, Meta(max_length=512)]
