"""Writes what torch.save writes, without torch: zip archives, and the legacy stream of torch before 1.6.

A state is a dict of values: numbers, text, None, lists, dicts, Tensor, Foreign.
"""
import binascii
import struct

STORAGES = {"F64": ("DoubleStorage", 8), "F32": ("FloatStorage", 4), "F16": ("HalfStorage", 2), "BF16": ("BFloat16Storage", 2),
            "I64": ("LongStorage", 8), "I32": ("IntStorage", 4), "I16": ("ShortStorage", 2), "I8": ("CharStorage", 1),
            "U8": ("ByteStorage", 1), "BOOL": ("BoolStorage", 1)}


class Tensor:
    """Zeros, unless there is a `content`. `channels_last`: a tensor of rank 4 is stored with its second dimension innermost."""

    def __init__(self, dtype, shape, channels_last=False, content=None):
        self.dtype, self.shape, self.content = dtype, list(shape), content
        self.order = [1, 3, 2, 0] if channels_last and len(shape) == 4 else list(reversed(range(len(shape))))  # innermost first

    def count_and_strides(self):
        count, strides = 1, [0] * len(self.shape)
        for dim in self.order:
            strides[dim] = count
            count *= self.shape[dim]
        return count, strides


class Foreign:
    """An instance of a Python class that only the writer's project has."""

    def __init__(self, module, name):
        self.module, self.name = module, name


class Writer:
    """Pickle programs of protocol 2, as torch.save's pickler writes them; what they hold is in `sizes`, (count, bytes), and `contents`."""

    def __init__(self, device="cpu", legacy=False):
        self.device, self.legacy, self.sizes, self.contents = device, legacy, [], []

    def program(self, state, ordered=False):
        return b"\x80\x02" + (self.ordered(state) if ordered else self.value(state)) + b"."

    def value(self, value):
        if isinstance(value, Tensor):
            return self.tensor(value)
        if isinstance(value, Foreign):
            return self.foreign(value)
        if isinstance(value, dict):
            return b"}" + self.items(value)
        if isinstance(value, (list, tuple)):
            return b"](" + b"".join(self.value(item) for item in value) + b"e"
        if value is None:
            return b"N"
        if isinstance(value, bool):
            return b"\x88" if value else b"\x89"
        if isinstance(value, int):
            return self.number(value)
        if isinstance(value, float):
            return b"G" + struct.pack(">d", value)
        return self.text(value)

    def items(self, values):
        """One pair is written with SETITEM, several with SETITEMS."""
        pairs = [self.text(key) + self.value(value) for key, value in values.items()]
        return pairs[0] + b"s" if len(pairs) == 1 else b"(" + b"".join(pairs) + b"u"

    def ordered(self, state):
        metadata = b"}" + self.text("_metadata") + b"ccollections\nOrderedDict\n)Rs"
        return b"ccollections\nOrderedDict\n)R" + self.items(state) + metadata + b"b"

    def tensor(self, tensor):
        storage, width = STORAGES[tensor.dtype]
        count, strides = tensor.count_and_strides()
        key = str(len(self.sizes))
        self.sizes.append((count, count * width))
        self.contents.append(tensor.content)
        persistent = b"(" + self.text("storage") + f"ctorch\n{storage}\n".encode() + self.text(key) + self.text(self.device)
        persistent += self.number(count) + (b"N" if self.legacy else b"") + b"tQ"
        return (b"ctorch._utils\n_rebuild_tensor_v2\n(" + persistent + b"K\x00" + self.tuple(tensor.shape) +
                self.tuple(strides) + b"\x89ccollections\nOrderedDict\n)RtR")

    def foreign(self, foreign):
        return f"c{foreign.module}\n{foreign.name}\n)\x81}}".encode("latin-1") + self.items({"lr": 1}) + b"b"

    def storages(self):
        return [bytes(size) if content is None else content for (_, size), content in zip(self.sizes, self.contents)]

    @staticmethod
    def text(text):
        encoded = text.encode()
        return b"X" + struct.pack("<I", len(encoded)) + encoded

    @staticmethod
    def number(value):
        if -2**31 <= value < 2**31:
            return b"J" + struct.pack("<i", value)
        return b"\x8a\x09" + value.to_bytes(9, "little", signed=True)

    def tuple(self, values):
        return b"(" + b"".join(self.number(value) for value in values) + b"t"


def zipped(members):
    """A stored archive, every member's data on a multiple of 64 bytes."""
    body, directory = b"", b""
    for name, content in members:
        encoded, crc = name.encode(), binascii.crc32(content)
        padding = -(len(body) + 30 + len(encoded) + 4) % 64
        extra = struct.pack("<2sH", b"FB", padding) + b"Z" * padding
        fields = struct.pack("<HHHHHIIIHH", 0, 0x0800, 0, 0, 0, crc, len(content), len(content), len(encoded), len(extra))
        central = struct.pack("<HHHHHHIIIHHHHHII", 0, 0, 0x0800, 0, 0, 0, crc, len(content), len(content), len(encoded), 0, 0,
                              0, 0, 0, len(body))
        directory += b"PK\x01\x02" + central + encoded
        body += b"PK\x03\x04" + fields + encoded + extra + content
    end = struct.pack("<HHHHIIH", 0, 0, len(members), len(members), len(directory), len(body), 0)
    return body + directory + b"PK\x05\x06" + end


def torch_zip(state, root="archive", device="cpu", script=False, ordered=False):
    """`script`: with the members of a TorchScript archive beside the data."""
    writer = Writer(device)
    program = writer.program(state, ordered)
    members = [(f"{root}/data.pkl", program), (f"{root}/byteorder", b"little")]
    members += [(f"{root}/data/{key}", content) for key, content in enumerate(writer.storages())]
    if script:
        members += [(f"{root}/constants.pkl", b"\x80\x02)."), (f"{root}/code/__torch__.py", b"class Module(Module):\n  pass\n")]
    return zipped(members + [(f"{root}/version", b"3\n")])


def torch_legacy(state, device="cpu"):
    """Magic, protocol, system, the state, the keys of its storages, then the storages."""
    writer = Writer(device, legacy=True)
    system = {"little_endian": True, "protocol_version": 1001, "type_sizes": {"int": 4, "long": 4, "short": 2}}
    magic = 0x1950a86a20f9469cfc6c
    head = b"\x80\x02\x8a\x0a" + magic.to_bytes(10, "little") + b"." + writer.program(1001) + writer.program(system)
    program = writer.program(state)
    keys = writer.program([str(key) for key in range(len(writer.sizes))])
    storages = b"".join(struct.pack("<q", count) + content for (count, _), content in zip(writer.sizes, writer.storages()))
    return head + program + keys + storages
