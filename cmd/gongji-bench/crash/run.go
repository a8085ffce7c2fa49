package crash

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"sync"
	"time"

	"gongji/cmd/gongji-bench/shop"
)

// Moment is when a daemon is killed.
type Moment string

// The moments; see the package comment.
const (
	Load       Moment = "load"
	Starting   Moment = "start"
	Stopping   Moment = "stop"
	Checkpoint Moment = "checkpoint"
	Importing  Moment = "import"
)

// Options of a run. Binary, Dir, Kills and Tally are needed.
type Options struct {
	Binary string
	Dir    string
	Kills  int
	PerLot int // kills of one shop; 0: 40
	Tills  int // 0: as many as the kind of the shop has
	Seed   uint64
	Tally  *Tally
	Report func() // called after each shop; nil: nobody asks
}

// Run kills until it has killed enough, or finds a broken promise: the error names the directory of that shop, which
// stays. Directories of shops that were right are removed.
func Run(ctx context.Context, o Options) error {
	if o.PerLot == 0 {
		o.PerLot = 40
	}
	for n := 1; o.Tally.All() < o.Kills; n++ {
		dir := filepath.Join(o.Dir, fmt.Sprintf("shop-%04d", n))
		err := runShop(ctx, o, n, dir)
		if ctx.Err() != nil {
			return errors.Join(ctx.Err(), os.RemoveAll(dir))
		}
		if err != nil {
			return fmt.Errorf("seed %d, shop %d (kept in %s): %w", o.Seed, n, dir, err)
		}
		if err := os.RemoveAll(dir); err != nil {
			return err
		}
		if o.Report != nil {
			o.Report()
		}
	}
	return nil
}

// run is one shop's life.
type run struct {
	o      Options
	kind   kind
	shop   *shop.Shop
	tills  []*till
	dice   *rand.Rand
	signed signer // of files that are imported
	files  int    // made so far
}

func runShop(ctx context.Context, o Options, n int, dir string) (err error) {
	k := kinds[(n-1)%len(kinds)]
	signed, err := newSigner()
	if err != nil {
		return err
	}
	s, err := shop.Open(shop.Options{
		Dir: dir, Binary: o.Binary, Tills: cmp.Or(o.Tills, k.tills), Authority: k.authority, Delay: k.delay, Extra: signed.trust(),
	})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	o.Tally.opened(k.name)
	seed := o.Seed<<20 + uint64(n)
	r := &run{o: o, kind: k, shop: s, signed: signed, dice: rand.New(rand.NewPCG(seed, 0))} //nolint:gosec // a test's dice
	for i := range s.Tills() {
		r.tills = append(r.tills, newTill(s, n, i, seed, k.authority == "platform", o.Tally))
	}
	selling, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	var work sync.WaitGroup
	for _, t := range r.tills {
		work.Go(func() {
			if err := t.work(selling); err != nil {
				stop(err)
			}
		})
	}
	for kills := 0; kills < o.PerLot && o.Tally.All() < o.Kills && selling.Err() == nil; kills++ {
		if err := r.once(selling); err != nil {
			stop(err)
		}
	}
	if selling.Err() != nil && ctx.Err() == nil {
		return context.Cause(selling)
	}
	stop(nil)
	return r.end(ctx, &work)
}

// once is one daemon's life, and what it leaves.
func (r *run) once(ctx context.Context) error {
	moment := r.choose()
	sold := len(r.tills[0].deeds()) > 0
	if moment == Importing {
		if !sold {
			return nil // nobody's accounts are there to be replaced
		}
		return errors.Join(r.bring(ctx), r.verify(ctx))
	}
	p, err := r.shop.Start()
	if err != nil {
		return err
	}
	defer p.Kill()
	if err := r.live(ctx, p, moment); err != nil {
		return err
	}
	if under := r.shop.UnderWay(); p.Kill() {
		r.o.Tally.killed(moment)
		r.o.Tally.more(&r.o.Tally.UnderWay, under)
	} else {
		r.o.Tally.add(&r.o.Tally.TooLate)
	}
	if err := r.shop.SetCentre(true); err != nil {
		return err
	}
	if sold && (moment == Checkpoint || r.dice.IntN(4) == 0) {
		return r.verify(ctx)
	}
	return nil
}

// mostLoad is how long a daemon sells at most before something happens to it.
const mostLoad = 500 * time.Millisecond

// live lets a daemon go on until the moment to kill it.
func (r *run) live(ctx context.Context, p *shop.Process, moment Moment) error {
	if moment == Starting {
		r.wait(ctx, p, 300*time.Millisecond)
		return nil
	}
	ready, stop := context.WithTimeout(ctx, patience)
	defer stop()
	if err := p.Ready(ready); err != nil {
		return err
	}
	if err := r.holdAnswers(ctx); err != nil {
		return err
	}
	if r.wait(ctx, p, mostLoad); r.kind.cuts && r.dice.IntN(3) == 0 {
		if err := r.shop.SetCentre(false); err != nil { // it is back when the daemon is dead
			return err
		}
		r.o.Tally.add(&r.o.Tally.Cuts)
		r.wait(ctx, p, mostLoad)
	}
	if moment == Load {
		return nil
	}
	before := r.databaseStamp()
	if err := p.Term(); err != nil {
		return err
	}
	if moment == Stopping {
		r.wait(ctx, p, 80*time.Millisecond)
		return nil
	}
	for r.databaseStamp() == before { // busy: the copying takes a millisecond or two
		select {
		case <-p.Ended():
			return nil
		default:
		}
	}
	return nil
}

// wait lets up to most pass, or until the daemon or the run ends.
func (r *run) wait(ctx context.Context, p *shop.Process, most time.Duration) {
	timer := time.NewTimer(time.Duration(r.dice.Int64N(int64(most))))
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-p.Ended():
	case <-ctx.Done():
	}
}

func (r *run) choose() Moment {
	switch n := r.dice.IntN(100); {
	case n < 42:
		return Load
	case n < 70:
		return Starting
	case n < 82:
		return Stopping
	case n < 92:
		return Checkpoint
	}
	return Importing
}

// databaseStamp changes when the database file is written, which only a checkpoint does.
func (r *run) databaseStamp() [2]int64 {
	info, err := os.Stat(filepath.Join(r.shop.Data(), "ledger.db"))
	if err != nil {
		return [2]int64{}
	}
	return [2]int64{info.ModTime().UnixNano(), info.Size()}
}

// end lets a last daemon finish everything, and holds it all against the centre.
func (r *run) end(ctx context.Context, work *sync.WaitGroup) error {
	p, err := r.shop.Start()
	if err != nil {
		return err
	}
	defer p.Kill()
	ctx, stop := context.WithTimeout(ctx, 4*time.Minute)
	defer stop()
	if err := p.Ready(ctx); err != nil {
		return err
	}
	work.Wait() // what the tills have begun is acknowledged now
	if err := p.Drain(ctx); err != nil {
		return err
	}
	if err := errors.Join(r.holdAnswers(ctx), r.holdCentre(ctx)); err != nil {
		return err
	}
	if err := p.Stop(10 * time.Second); err != nil {
		return err
	}
	return r.verify(ctx)
}
