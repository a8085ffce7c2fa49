package ledger

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"time"

	"gongji/settle"
)

// patrolPage is how many records are verified in one read: some milliseconds.
const patrolPage = 50

// Rest is called between two slices of a verification with how long the last one worked, and whether anything was written since
// the one before or somebody at the counter is being answered; its error ends the verification.
type Rest func(ctx context.Context, worked time.Duration, busy bool) error

// VerifyTail verifies what was added to the chain since it was verified last, and that the record from which it goes on is the
// one that was verified. Nothing is held between slices, so that it may run beside the tills. What is wrong is in the
// report; an error means that it could not be done.
func (l *Ledger) VerifyTail(ctx context.Context, rest Rest) (VerifyReport, error) {
	v := l.beside()
	err := l.read(ctx, func(t *tx) error {
		v.tx = t
		return v.resume()
	})
	if err != nil {
		return v.report, err
	}
	if err := l.patrol(ctx, v, rest); err != nil || !v.report.OK() {
		return v.report, err
	}
	return v.report, l.write(ctx, func(t *tx) error { return t.setMeta(metaChecked, v.at.under(t.vault(), kindChecked)) })
}

// Patrol is [Ledger.Verify] in slices: every slice sees a state of its own, and nothing is held between them.
func (l *Ledger) Patrol(ctx context.Context, rest Rest) (VerifyReport, error) {
	v := l.beside()
	if err := l.patrol(ctx, v, rest); err != nil {
		return v.report, err
	}
	for _, part := range []func() error{v.strays, v.sums, v.storage} {
		if err := l.slice(ctx, v, rest, part); err != nil {
			return v.report, err
		}
	}
	if !v.report.OK() {
		return v.report, nil
	}
	return v.report, l.noteVerified(ctx, &v.at)
}

// beside is a verification that runs beside the tills.
func (l *Ledger) beside() *verifier {
	return &verifier{trusted: true, commits: l.writer.commits.Load()}
}

func (l *Ledger) patrol(ctx context.Context, v *verifier, rest Rest) error {
	for over := false; !over; {
		err := l.slice(ctx, v, rest, func() error {
			if err := v.loadEnd(); err != nil {
				return err
			}
			n, err := v.stretch(patrolPage, func() bool { return l.counter.busy() != nil })
			if over = n == 0; over && err == nil {
				v.arrive()
			}
			return err
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// slice runs a part over one state, and rests. Whoever is being answered at the counter goes first.
func (l *Ledger) slice(ctx context.Context, v *verifier, rest Rest, part func() error) error {
	l.GiveWay(ctx)
	commits := l.writer.commits.Load()
	busy := commits != v.commits
	v.commits = commits
	began := time.Now()
	before := *v
	err := l.read(ctx, func(t *tx) error {
		*v = before // a read may be run anew
		v.tx = t
		return part()
	})
	if err != nil {
		return err
	}
	worked := time.Since(began)
	return rest(ctx, worked, busy || commits != l.writer.commits.Load() || l.counter.busy() != nil)
}

// resume begins where the last verification ended. A mark under another key, as after a change of keys, is none.
func (v *verifier) resume() error {
	data, err := v.meta(metaChecked)
	if err != nil {
		return err
	}
	at, bad := headUnder(v.vault(), kindChecked, data)
	if bad != nil || at.seq == 0 {
		return nil
	}
	var hash []byte
	err = v.get("SELECT hash FROM chain WHERE seq = ?", []any{at.seq}, &hash)
	switch where := fmt.Sprintf("chain record %d", at.seq); {
	case errors.Is(err, errNoRows):
		v.found(FoundRemoved, 7, at.seq, where, "was there when the chain was verified last")
	case err != nil:
		return err
	case !bytes.Equal(hash, at.hash[:]):
		v.found(FoundChanged, 7, at.seq, where, "has another hash than when the chain was verified last")
	}
	v.at = at
	return nil
}

// noteVerified remembers that everything was verified now, up to at where it is known.
func (l *Ledger) noteVerified(ctx context.Context, at *head) error {
	now := l.options.Clock()
	err := l.write(ctx, func(t *tx) error {
		if at != nil {
			if err := t.setMeta(metaChecked, at.under(t.vault(), kindChecked)); err != nil {
				return err
			}
		}
		return errors.Join(t.setMeta(metaVerified, millis(now)), t.run("DELETE FROM meta WHERE name = ?", metaBroken))
	})
	if err == nil {
		setInstant(l.metrics.verifiedAt, millis(now))
	}
	return err
}

// LastVerified is when everything was last verified without a finding, zero for never; broken is the record at which a
// verification since has failed, with ok true.
func (l *Ledger) LastVerified(ctx context.Context) (at time.Time, broken int64, ok bool, err error) {
	err = l.read(ctx, func(t *tx) error {
		ms, err := t.metaInt(metaVerified)
		if err != nil {
			return err
		}
		at = instant(ms)
		mark, err := t.meta(metaBroken)
		if err != nil || mark == nil {
			return err
		}
		ok = true
		broken, err = t.metaInt(metaBroken)
		return err
	})
	return at, broken, ok, err
}

// ErrChainBroken is the cause of STORE_BROKEN once the ledger was condemned.
var ErrChainBroken = errors.New("the ledger does not verify; nothing is written into it any more")

// Condemn stops all writing, since a verification has failed: what is settled on a ledger that was changed cannot be trusted. It
// is remembered on disk, and lasts in this process; another one verifies everything first.
func (l *Ledger) Condemn(ctx context.Context, f Finding) error {
	err := l.write(ctx, func(t *tx) error { return t.setMeta(metaBroken, f.Record) })
	l.writer.fault.Store(&writeFault{err: settle.NewError(settle.StoreBroken, ErrChainBroken), final: true})
	return err
}
