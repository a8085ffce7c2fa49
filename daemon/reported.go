package daemon

import (
	"context"
	"time"

	"gongji/daemon/localapi"
	"gongji/sync/outbox"
)

const (
	// newsShare is how many times as long as it worked the way to the streams rests after an event, and newsBeside after one behind
	// which others wait. A backlog that leaves brings thousands of events a second, and to look one up costs as much as its message
	// did: what does not fit is dropped, as it is where a stream is slow.
	newsShare  = 9
	newsBeside = 29
	// totalsEvery is how often the outbox is counted while events queue: it takes a look at every report of the backlog.
	totalsEvery = time.Second
)

// reported passes what became of a report on to the event streams, where anybody listens. last: none waits behind it.
func (d *Daemon) reported(ctx context.Context, event outbox.Event, last bool) {
	if !d.api.Heard() {
		return
	}
	began := time.Now()
	if last || event.Report == 0 || began.Sub(d.totalsAt) >= totalsEvery {
		d.totalsAt = began
		d.publishTotals(ctx)
	}
	if event.Settlement != "" {
		d.publishSettlement(ctx, event.Settlement)
	}
	worked := time.Since(began)
	pause := newsShare * worked
	if !last {
		pause = newsBeside * worked
	}
	rest := time.NewTimer(pause)
	defer rest.Stop()
	select {
	case <-rest.C:
	case <-ctx.Done():
	}
}

// newsWithin is how long the ledger is asked for an event.
const newsWithin = 5 * time.Second

func (d *Daemon) publishTotals(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, newsWithin)
	defer cancel()
	totals, err := d.ledger.OutboxTotals(ctx)
	if err != nil {
		d.newsFault(ctx, "outbox totals", "", err)
		return
	}
	d.api.PublishUpstream(localapi.UpstreamEvent{Offline: d.up.Offline(), Unsent: totals.Unsent, Unknown: totals.Unknown})
}

func (d *Daemon) publishSettlement(ctx context.Context, id string) {
	ctx, cancel := context.WithTimeout(ctx, newsWithin)
	defer cancel()
	settled, err := d.ledger.Settlement(ctx, id)
	if err != nil {
		d.newsFault(ctx, "settlement of a report", id, err)
		return
	}
	d.api.PublishSettlement(&settled)
}

func (d *Daemon) newsFault(ctx context.Context, what, settlement string, err error) {
	if ctx.Err() == nil {
		d.log.Warn("an event could not be told", "of", what, "settlement", settlement, "err", err.Error())
	}
}
