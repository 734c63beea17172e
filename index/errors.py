"""Everything that can go wrong in ways a user can cause or mend.

    SeedQAError
    ├── SettingsError            a setting is unknown or has the wrong type
    ├── SeedsError               the folder of documents can't be used
    ├── ModelError               the encoder's model can't be used
    │   └── ModelMismatch        the index was built with another model
    ├── BuildError               a build could not finish; the snapshot in force, if any, is unchanged
    │   ├── BuildLocked          another build is running on the same index
    │   └── ClusterError         the Ray cluster can't be used, or did not do its work
    ├── SnapshotError            an index can't be opened
    │   ├── SnapshotMissing      there is no snapshot
    │   ├── SnapshotDamaged      a file is missing, truncated or altered
    │   └── SnapshotFormat       written by another version of the format
    ├── StoreError               the server of an index can't be reached, or refuses
    ├── SourceError              the file of a document can't be shown
    ├── QuestionError            a question, k or filter can't be used
    ├── CitationError            a citation link can't be read
    ├── NotAllowed               whoever asks may not do this here
    └── Busy                     as much is asked for as can be worked on

Each message is one line: what, where, what was found and expected, and what mends it.
"""


class SeedQAError(Exception):
    """Base of all expected errors."""


class SettingsError(SeedQAError):
    """A setting is unknown or has the wrong type."""


class SeedsError(SeedQAError):
    """The folder of documents can't be used."""


class ModelError(SeedQAError):
    """The encoder's model can't be used."""


class ModelMismatch(ModelError):
    """The index was built with another model."""


class BuildError(SeedQAError):
    """A build could not finish; the snapshot in force, if there is one, is unchanged."""


class BuildLocked(BuildError):
    """Another build is running on the same index."""


class ClusterError(BuildError):
    """The Ray cluster can't be used, or did not do its work."""


class SnapshotError(SeedQAError):
    """An index can't be opened."""


class SnapshotMissing(SnapshotError):
    """There is no snapshot."""


class SnapshotDamaged(SnapshotError):
    """A file of a snapshot is missing, truncated or altered."""


class SnapshotFormat(SnapshotError):
    """A snapshot was written by another version of the format."""


class StoreError(SeedQAError):
    """The server of an index can't be reached, or refuses what is asked."""


class SourceError(SeedQAError):
    """The file of a document can't be shown."""


class QuestionError(SeedQAError):
    """A question, k or filter can't be used."""


class CitationError(SeedQAError):
    """A citation link can't be read."""


class NotAllowed(SeedQAError):
    """Whoever asks may not do this here."""


class Busy(SeedQAError):
    """As much is asked for as can be worked on; the same question will be answered later."""
