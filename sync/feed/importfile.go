package feed

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"aead.dev/minisign"

	"gongji/settle"
)

// ImportStore is the ledger as an import needs it. *ledger.Ledger is one.
type ImportStore interface {
	// CompareSnapshot tells what ApplySnapshot would do and writes nothing; BAD_REQUEST as that.
	CompareSnapshot(ctx context.Context, s settle.Snapshot) (settle.SnapshotDiff, error)
	// SnapshotsApplied are the ids of applied snapshots that begin with a prefix.
	SnapshotsApplied(ctx context.Context, prefix string) ([]string, error)
	// ApplySnapshot is as in [Store].
	ApplySnapshot(ctx context.Context, s settle.Snapshot) error
	// RecordIncident writes into the audit record; the detail holds ids, codes and hashes, never an identity.
	RecordIncident(ctx context.Context, kind string, detail map[string]string) error
}

// ImportIncident is the kind under which imports stand in the audit record, and the refused ones.
const (
	ImportIncident        = "import"
	ImportRefusedIncident = "import_refused"
)

// futureImport is how far ahead of this machine's clock a file's centre time may be. A time far ahead would make everything
// that the centre says until then count as older.
const futureImport = 10 * time.Minute

// ImporterOptions of an Importer. Trusted and Store are needed.
type ImporterOptions struct {
	Trusted []string // minisign public keys, base64, as in the second line of a .pub file
	Store   ImportStore
	Clock   func() time.Time
	Logger  *slog.Logger
}

// Importer takes snapshots as signed files, where the centre has no feed. It is safe for concurrent use.
type Importer struct {
	o       ImporterOptions
	keys    []minisign.PublicKey
	applies sync.Mutex // one import at a time: the second of two files of one number must see the first
}

// NewImporter reads the keys; the error is NOT_CONFIGURED.
func NewImporter(options ImporterOptions) (*Importer, error) {
	if options.Store == nil || len(options.Trusted) == 0 {
		return nil, settle.NewError(settle.NotConfigured, errors.New("an import needs a store and import.trusted_keys"))
	}
	if options.Clock == nil {
		options.Clock = time.Now
	}
	if options.Logger == nil {
		options.Logger = slog.New(slog.DiscardHandler)
	}
	i := &Importer{o: options, keys: make([]minisign.PublicKey, len(options.Trusted))}
	for n, text := range options.Trusted {
		if err := i.keys[n].UnmarshalText([]byte(text)); err != nil {
			return nil, settle.NewError(settle.NotConfigured, fmt.Errorf("import.trusted_keys[%d]: not a minisign public key", n))
		}
	}
	i.o.Logger = i.o.Logger.With("component", "import")
	return i, nil
}

// Preview tells what a file would do, and changes nothing but the audit record of a refused signature. BAD_REQUEST names
// the signature, every bad field of the file by position, or a file whose number another file has used
// (IDEMPOTENCY_CONFLICT).
func (i *Importer) Preview(ctx context.Context, f settle.ImportFile) (settle.ImportPreview, error) {
	preview, _, err := i.read(ctx, f)
	return preview, err
}

// Apply applies a file whose digest a preview has answered, so that what was looked at is what is applied; replayed is
// true where this very file was applied before. The audit record is written first: nothing enters without one. Errors: as
// Preview, and STORE_FULL, STORE_BROKEN.
func (i *Importer) Apply(ctx context.Context, f settle.ImportFile, digest string) (preview settle.ImportPreview, replayed bool, err error) {
	i.applies.Lock()
	defer i.applies.Unlock()
	preview, snapshot, err := i.read(ctx, f)
	if err != nil {
		return preview, false, err
	}
	if !strings.EqualFold(digest, preview.Digest) {
		return preview, false, importFault("digest", "与预览的文件不一致，请重新预览。", "is not the digest that the preview of this file answered")
	}
	if preview.Applied {
		return preview, true, nil
	}
	if err := i.record(ctx, ImportIncident, f, &preview, ""); err != nil {
		return preview, false, err
	}
	if err := i.o.Store.ApplySnapshot(ctx, snapshot); err != nil {
		code := settle.CodeOf(err)
		i.o.Logger.Error("a signed file could not be applied", "snapshot", preview.Digest, "code", string(code))
		// Without the request's context: whoever gave up must not leave the record saying that it was applied.
		return preview, false, errors.Join(err, i.record(context.WithoutCancel(ctx), ImportRefusedIncident, f, &preview, code))
	}
	preview.Applied = true
	i.o.Logger.Info("a signed file was applied", "digest", preview.Digest, "key", preview.KeyID, "pos", f.POS, "operator", f.Operator.ID,
		"people", len(snapshot.People), "accounts", len(snapshot.Accounts), "bindings", len(snapshot.Bindings))
	return preview, false, nil
}

// read checks a file from its signature to what the ledger would say.
func (i *Importer) read(ctx context.Context, f settle.ImportFile) (settle.ImportPreview, settle.Snapshot, error) {
	sum := sha256.Sum256(f.File)
	preview := settle.ImportPreview{Digest: hex.EncodeToString(sum[:])}
	key, err := i.verify(f)
	preview.KeyID = key
	if err != nil {
		return preview, settle.Snapshot{}, errors.Join(err, i.record(ctx, ImportRefusedIncident, f, &preview, settle.CodeOf(err)))
	}
	s, err := DecodeSnapshot(f.File)
	if err != nil {
		return preview, s, err
	}
	preview.SnapshotID, preview.CentreTime, preview.Full = s.ID, s.CentreTime, s.Full
	s.Cursor = "" // a file is no page of the feed: it does not say how far that has come
	prefix := "file:" + s.ID + ":"
	s.ID = prefix + preview.Digest
	if preview.Applied, err = i.applied(ctx, prefix, s.ID); err != nil {
		return preview, s, err
	}
	preview.Diff, err = i.compare(ctx, &s)
	return preview, s, err
}

// verify finds the trusted key that signed a file, and names it.
func (i *Importer) verify(f settle.ImportFile) (key string, err error) {
	return i.verifyWith(f, func(k minisign.PublicKey) bool { return minisign.Verify(k, f.File, f.Signature) })
}

// verifyWith is verify with the question whether a key has signed the file answered elsewhere.
func (i *Importer) verifyWith(f settle.ImportFile, signed func(minisign.PublicKey) bool) (key string, err error) {
	var signature minisign.Signature
	if err := signature.UnmarshalText(f.Signature); err != nil {
		return "", importFault("signature", "签名文件格式不对。", "is not a minisign signature")
	}
	key = fmt.Sprintf("%016X", signature.KeyID)
	known := func(k minisign.PublicKey) bool { return k.ID() == signature.KeyID }
	if !slices.ContainsFunc(i.keys, known) {
		return key, importFault("signature", "不是受信任的签名方。", "was made with key "+key+", which import.trusted_keys does not hold")
	}
	for _, k := range i.keys { // two keys may bear one id, which is no secret and not protected
		if signed(k) {
			return key, nil
		}
	}
	return key, importFault("signature", "签名与文件不符，文件或签名可能被改动。", "does not fit the file, or its comment was changed")
}

// applied reports whether this very file has been applied; IDEMPOTENCY_CONFLICT where another file of its number has.
func (i *Importer) applied(ctx context.Context, prefix, id string) (bool, error) {
	ids, err := i.o.Store.SnapshotsApplied(ctx, prefix)
	if err != nil {
		return false, err
	}
	if slices.Contains(ids, id) {
		return true, nil
	}
	for _, other := range ids {
		if len(other) == len(id) { // else the number of another file begins with this one's
			return false, settle.NewError(settle.IdempotencyConflict, nil).With("field", "snapshot_id")
		}
	}
	return false, nil
}

// compare holds a file against the house's own checks and the ledger's, and names what both find.
func (i *Importer) compare(ctx context.Context, s *settle.Snapshot) (settle.SnapshotDiff, error) {
	lint := lintImport(s, i.o.Clock())
	diff, err := i.o.Store.CompareSnapshot(ctx, *s)
	var refused *settle.Error
	if err != nil && !(errors.As(err, &refused) && refused.Code == settle.BadRequest) {
		return diff, err
	}
	if refused != nil {
		for _, fault := range refused.Fields {
			if !slices.ContainsFunc(lint, func(f settle.FieldFault) bool { return f.Field == fault.Field }) {
				lint = append(lint, fault)
			}
		}
	}
	if err := lintError(lint); err != nil {
		return settle.SnapshotDiff{}, err
	}
	return diff, nil
}

// lintError is BAD_REQUEST with as many faults as one answer names; nil where there are none.
func lintError(lint []settle.FieldFault) error {
	if len(lint) == 0 {
		return nil
	}
	e := settle.NewError(settle.BadRequest, nil)
	if over := len(lint) - maxImportFaults; over > 0 {
		lint = lint[:maxImportFaults]
		_ = e.With("faults_left_out", over)
	}
	e.Fields = lint
	return e
}

// record writes who brought which file and what became of it. A file that was not taken to be signed by anybody trusted
// is known by its digest only.
func (i *Importer) record(ctx context.Context, kind string, f settle.ImportFile, p *settle.ImportPreview, code settle.Code) error {
	detail := map[string]string{
		"pos": f.POS, "operator": f.Operator.ID, "request_id": f.RequestID, "digest": p.Digest, "key": p.KeyID,
		"bytes": strconv.Itoa(len(f.File)), "code": string(code),
	}
	if p.SnapshotID != "" {
		detail["snapshot"], detail["centre_time"] = p.SnapshotID, p.CentreTime.Format(time.RFC3339Nano)
		for name, c := range map[string]settle.FactChanges{"people": p.Diff.People, "accounts": p.Diff.Accounts, "bindings": p.Diff.Bindings} {
			detail[name] = fmt.Sprintf("new %d, changed %d, ended %d, unchanged %d, kept %d", c.New, c.Changed, c.Ended, c.Unchanged, c.Kept)
		}
	}
	return i.o.Store.RecordIncident(ctx, kind, detail)
}

func importFault(field, message, detail string) error {
	return &settle.Error{Code: settle.BadRequest, Fields: []settle.FieldFault{{Field: field, Message: message, Detail: detail}}}
}
