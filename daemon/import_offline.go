package daemon

import (
	"context"
	"errors"
	"fmt"

	"gongji/settle"
	"gongji/settle/ledger"
	"gongji/sync/feed"
)

// ErrDaemonRuns is the cause where a file is to be imported by the command while the daemon holds the ledger.
var ErrDaemonRuns = errors.New("the daemon is running on this data directory; hand the file to it instead: in the console under 导入, " +
	"or by POST /v1/bindings/import with a manager's token (gongjid pos add office --role manager)")

// ImportOffline previews a signed file, or with apply applies it, in the ledger of a daemon that is down: for a shop that sets
// up a new PC. digest, where it is given, must be the one that a preview has answered. What the file ends is reported when the
// daemon runs again. ErrDaemonRuns while it does; NOT_CONFIGURED without trusted keys; the other errors of feed.Importer.
func ImportOffline(ctx context.Context, o Options, file settle.ImportFile, digest string, apply bool) (preview settle.ImportPreview, replayed bool, err error) {
	importer, closer, err := offlineImporter(ctx, o)
	if err != nil {
		return preview, false, err
	}
	defer func() { err = errors.Join(err, closer()) }()
	if preview, err = importer.Preview(ctx, file); err != nil || !apply {
		preview.Applied = false // what applying would do now, whether or not that has been done
		return preview, false, err
	}
	if digest == "" {
		digest = preview.Digest
	}
	return importer.Apply(ctx, file, digest)
}

// ImportLargeOffline is [ImportOffline] for a file of any size, which is read as a stream: what it would change is not worked
// out, Named counts its facts. progress is told how far it has come, and may be nil.
func ImportLargeOffline(
	ctx context.Context, o Options, file feed.ImportSource, digest string, apply bool, progress func(settle.SnapshotProgress),
) (preview settle.ImportPreview, replayed bool, err error) {
	importer, closer, err := offlineImporter(ctx, o)
	if err != nil {
		return preview, false, err
	}
	defer func() { err = errors.Join(err, closer()) }()
	if preview, err = importer.PreviewFile(ctx, file, progress); err != nil || !apply {
		preview.Applied = false
		return preview, false, err
	}
	if digest == "" {
		digest = preview.Digest
	}
	return importer.ApplyFile(ctx, file, digest, progress)
}

// offlineImporter opens the ledger of a daemon that is down; closer gives it back.
func offlineImporter(ctx context.Context, o Options) (importer *feed.Importer, closer func() error, err error) {
	if err := o.validate(); err != nil {
		return nil, nil, err
	}
	if len(o.Config.Import.TrustedKeys) == 0 {
		return nil, nil, settle.NewError(settle.NotConfigured, errors.New("import.trusted_keys is empty: no signature would be believed"))
	}
	d := &Daemon{o: o, log: o.Logger.With("component", "import")}
	if err := d.openLedger(ctx); err != nil {
		if errors.Is(err, ledger.ErrInUse) {
			err = fmt.Errorf("%w: %w", ErrDaemonRuns, err)
		}
		return nil, nil, err
	}
	importer, err = feed.NewImporter(feed.ImporterOptions{
		Trusted: o.Config.Import.TrustedKeys, Store: d.ledger, Clock: o.Clock, Logger: o.Logger,
	})
	if err != nil {
		return nil, nil, errors.Join(err, d.Close())
	}
	return importer, d.Close, nil
}
