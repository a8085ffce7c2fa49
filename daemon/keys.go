package daemon

import (
	"context"
	"errors"
	"time"

	"gongji/daemon/health"
	"gongji/settle"
	"gongji/settle/ledger"
)

const (
	// keysLook is how often it is looked whether somebody asked for another key.
	keysLook       = 2 * time.Second
	incidentRotate = "KEYS_ROTATED"
)

// changeKeys passes to another key, beside everything else, when one lies in the key file; also after a restart in the midst of it.
func (d *Daemon) changeKeys(ctx context.Context) error {
	ticker := time.NewTicker(keysLook)
	defer ticker.Stop()
	for {
		if err := d.rotate(ctx); err != nil && ctx.Err() == nil {
			d.log.Warn("the change of keys goes on later", "code", string(settle.CodeOf(err)), "err", err.Error())
		}
		select {
		case <-ctx.Done():
			return nil
		case <-ticker.C:
		}
	}
}

func (d *Daemon) rotate(ctx context.Context) error {
	pending, err := ledger.RotationPending(d.o.Config.Data)
	if err != nil || !pending {
		return err
	}
	began := time.Now()
	done, err := d.ledger.Rotate(ctx)
	if err != nil || !done {
		return err
	}
	d.log.Info("everything is sealed with a new key", "after", time.Since(began).Round(time.Millisecond).String())
	return d.ledger.RecordIncident(ctx, incidentRotate, nil)
}

// ChangeKeys passes a data directory that no daemon works on to the key that was put beside the old one, and writes the
// database anew, so that nothing under the old key stays in its free space. STORE_BROKEN with the cause [ledger.ErrInUse] where a
// daemon works on it: that one passes to the key by itself.
func ChangeKeys(ctx context.Context, o Options) (err error) {
	if err := o.validate(); err != nil {
		return err
	}
	d := &Daemon{o: o, log: o.Logger.With("component", "keys"), health: health.NewTracker(o.Clock)}
	defer func() { err = errors.Join(err, d.Close()) }()
	if err := d.openLedger(ctx); err != nil {
		return err
	}
	if err := d.rotate(ctx); err != nil {
		return err
	}
	return d.ledger.Scrub(ctx)
}
