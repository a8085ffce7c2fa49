package feed

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"aead.dev/minisign"

	"gongji/settle"
)

// ImportSource is a signed file of any size that can be read more than once. It is never held in memory as a whole.
type ImportSource struct {
	Open      func() (io.ReadCloser, error)
	Signature []byte // text of a minisign signature of the pre-hashed form, which minisign writes by default
	POS       string
	Operator  settle.Operator
	RequestID string
}

// BulkStore is a [Store] that takes snapshots too large for one transaction. *ledger.Ledger is one.
type BulkStore interface {
	// StageSnapshot begins a large snapshot of a centre time; once refuses facts that are named twice.
	StageSnapshot(ctx context.Context, centre time.Time, full, once bool) (settle.SnapshotStage, error)
}

// PreviewFile is [Importer.Preview] for a file of any size: signature, form and the clerk's checks. What it would change
// is not worked out; Named counts its facts instead. progress may be nil.
func (i *Importer) PreviewFile(ctx context.Context, src ImportSource, progress func(settle.SnapshotProgress)) (settle.ImportPreview, error) {
	preview, _, err := i.scan(ctx, &src, progress)
	return preview, err
}

// ApplyFile is [Importer.Apply] for a file of any size. The tills go on selling while it is read; nothing of it counts
// before all of it does. Errors: as Apply; NOT_CONFIGURED where the store takes no large snapshots.
func (i *Importer) ApplyFile(ctx context.Context, src ImportSource, digest string, progress func(settle.SnapshotProgress)) (settle.ImportPreview, bool, error) {
	store, takes := i.o.Store.(BulkStore)
	if !takes {
		return settle.ImportPreview{}, false, settle.NewError(settle.NotConfigured, errors.New("the store takes no large snapshots"))
	}
	i.applies.Lock()
	defer i.applies.Unlock()
	preview, head, err := i.scan(ctx, &src, progress)
	switch {
	case err != nil:
		return preview, false, err
	case !strings.EqualFold(digest, preview.Digest):
		return preview, false, importFault("digest", "与预览的文件不一致，请重新预览。", "is not the digest that the preview of this file answered")
	case preview.Applied:
		return preview, true, nil
	}
	file := settle.ImportFile{Signature: src.Signature, POS: src.POS, Operator: src.Operator, RequestID: src.RequestID}
	if err := i.record(ctx, ImportIncident, file, &preview, ""); err != nil {
		return preview, false, err
	}
	if err := i.stage(ctx, store, &src, head, &preview, progress); err != nil {
		return preview, false, errors.Join(err, i.record(context.WithoutCancel(ctx), ImportRefusedIncident, file, &preview, settle.CodeOf(err)))
	}
	preview.Applied = true
	i.o.Logger.Info("a signed file was applied", "digest", preview.Digest, "key", preview.KeyID, "pos", src.POS, "operator", src.Operator.ID,
		"people", preview.Named.People, "accounts", preview.Named.Accounts, "bindings", preview.Named.Bindings)
	return preview, false, nil
}

// scan reads a file once: its digest and signature, its form, and what a careful clerk would not sign.
func (i *Importer) scan(ctx context.Context, src *ImportSource, progress func(settle.SnapshotProgress)) (preview settle.ImportPreview, head settle.Snapshot, err error) {
	in, err := src.Open()
	if err != nil {
		return preview, head, settle.NewError(settle.BadRequest, err)
	}
	defer func() { _ = in.Close() }()
	digest, signed := sha256.New(), minisign.NewReader(in)
	// Nothing is remembered of the facts: what comes twice is the store's to find. centre_time may come last: today stands for it.
	lint := &importLint{centre: settle.DateOf(i.o.Clock())}
	head, err = ReadSnapshot(&cancelled{ctx, io.TeeReader(signed, digest)}, func(part settle.Snapshot) error {
		lint.part(&part, &preview.Named)
		if progress != nil {
			progress(settle.SnapshotProgress{Phase: settle.PhaseChecking, Done: preview.Named.All()})
		}
		return nil
	})
	malformed := err
	if _, err := io.Copy(digest, &cancelled{ctx, signed}); err != nil { // to the end, whatever is wrong with it
		return preview, head, settle.NewError(settle.BadRequest, err)
	}
	preview.Digest = hex.EncodeToString(digest.Sum(nil))
	file := settle.ImportFile{Signature: src.Signature, POS: src.POS, Operator: src.Operator, RequestID: src.RequestID}
	preview.KeyID, err = i.verifyWith(file, func(k minisign.PublicKey) bool { return signed.Verify(k, src.Signature) })
	if err != nil {
		return preview, head, errors.Join(err, i.record(ctx, ImportRefusedIncident, file, &preview, settle.CodeOf(err)))
	}
	if malformed != nil {
		return preview, head, malformed
	}
	preview.SnapshotID, preview.CentreTime, preview.Full = head.ID, head.CentreTime, head.Full
	if head.CentreTime.After(i.o.Clock().Add(futureImport)) {
		lint.add("centre_time", "时间晚于本机时间。", "is later than this machine's clock")
	}
	if err := lintError(lint.faults); err != nil {
		return preview, head, err
	}
	prefix := "file:" + head.ID + ":"
	preview.Applied, err = i.applied(ctx, prefix, prefix+preview.Digest)
	return preview, head, err
}

// stage reads the file a second time, into the store. Its digest must be what it was, or nothing of it counts.
func (i *Importer) stage(
	ctx context.Context, store BulkStore, src *ImportSource, head settle.Snapshot, preview *settle.ImportPreview,
	progress func(settle.SnapshotProgress),
) error {
	in, err := src.Open()
	if err != nil {
		return settle.NewError(settle.BadRequest, err)
	}
	defer func() { _ = in.Close() }()
	stage, err := store.StageSnapshot(ctx, head.CentreTime, head.Full, true)
	if err != nil {
		return err
	}
	drop := func(err error) error { return errors.Join(err, stage.Drop(context.WithoutCancel(ctx))) }
	digest, total := sha256.New(), preview.Named.All()
	lint, again := &importLint{centre: settle.DateOf(i.o.Clock())}, settle.FactCounts{}
	tee := &cancelled{ctx, io.TeeReader(in, digest)}
	_, err = ReadSnapshot(tee, func(part settle.Snapshot) error {
		lint.part(&part, &again) // completes identity numbers of the old form
		if progress != nil {
			progress(settle.SnapshotProgress{Phase: settle.PhaseStaging, Done: again.All(), Total: total})
		}
		return stage.Add(ctx, part)
	})
	if err != nil {
		return drop(err)
	}
	if _, err := io.Copy(io.Discard, tee); err != nil {
		return drop(settle.NewError(settle.BadRequest, err))
	}
	if hex.EncodeToString(digest.Sum(nil)) != preview.Digest {
		return drop(importFault("digest", "文件在导入过程中被改动，请重新预览。", "is not what it was when the signature was checked"))
	}
	if err := stage.Add(ctx, settle.Snapshot{EndedBinds: head.EndedBinds, EndedPsnNo: head.EndedPsnNo}); err != nil {
		return drop(err)
	}
	return stage.Apply(ctx, fmt.Sprintf("file:%s:%s", head.ID, preview.Digest), "", progress)
}

// cancelled ends a long read with its context.
type cancelled struct {
	ctx context.Context
	in  io.Reader
}

func (c *cancelled) Read(p []byte) (int, error) {
	if err := c.ctx.Err(); err != nil {
		return 0, err
	}
	return c.in.Read(p)
}
