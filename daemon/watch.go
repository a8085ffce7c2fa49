package daemon

import (
	"context"
	"errors"
	"strconv"
	"time"

	"gongji/cardreader"
	"gongji/daemon/health"
	"gongji/daemon/localapi"
	"gongji/settle"
	"gongji/settle/ledger"
)

// watchEvery is how often the standing warnings are looked at. Everything looked at is in memory or one small query.
const watchEvery = time.Second

// ageEvery is how often the age of the ledger is looked at; it is counted in hours.
const ageEvery = 10 * time.Second

// agreementNotice is how long before its end an agreement is worth a notice.
const agreementNotice = 30 // days

// stuckAfter is how long a report may wait before reports count as piling up.
const stuckAfter = 5 * time.Minute

func (d *Daemon) openWatches(context.Context) error {
	d.clocks = health.NewClockWatch(d.health, health.SystemClock(d.o.Clock), d.o.Registry)
	d.disk = health.NewDiskWatch(d.health, d.o.Config.Data, health.DiskSpace)
	return nil
}

// watch keeps the warnings true until ctx ends.
func (d *Daemon) watch(ctx context.Context) error {
	go d.clocks.Run(ctx, func(jump time.Duration) { d.log.Warn("the PC's clock jumped", "by", jump.String()) })
	go d.disk.Run(ctx, func(err error) { d.log.Warn("disk space", "err", err.Error()) })
	ticker := time.NewTicker(watchEvery)
	defer ticker.Stop()
	for {
		d.look(ctx)
		select {
		case <-ctx.Done():
			return nil
		case <-ticker.C:
		}
	}
}

func (d *Daemon) look(ctx context.Context) {
	defer func() { d.looked.Store(time.Now().UnixNano()) }()
	for _, r := range d.readers {
		status := r.Status()
		d.health.Put(status.State == cardreader.StateDown, health.ReaderDown, status.Name, health.Args{"reader": status.Name})
	}
	d.health.Put(d.up.Offline(), health.CentreOffline, "", nil)
	d.health.Put(d.up.feed != nil && d.o.Config.Upstream.Has("feed") && !d.up.feed.Extended(),
		health.ExtensionOff, "feed", health.Args{"extension": "feed"})
	last := settle.Date(d.o.Config.Venue.AgreementUntil)
	today := settle.DateOf(d.o.Clock())
	d.health.Put(last == 0 || last < today.AddDays(agreementNotice), health.AgreementEnds, "", health.Args{"day": last.String()})
	d.health.Put(d.tokens.Fault() != nil, health.TokensBroken, "", nil)
	d.lookAtTokens(ctx)
	if files, ok := health.OpenFiles(); ok {
		d.health.Put(files.Short(), health.FilesLow, "", health.Args{"open": strconv.Itoa(files.Open), "limit": strconv.Itoa(files.Limit)})
	}
	took := d.ledger.CommitTime()
	d.health.Put(took > ledger.SlowCommit, health.DiskSlow, "",
		health.Args{"took": took.Round(10 * time.Millisecond).String(), "limit": ledger.SlowCommit.String()})
	d.lookAtOutbox(ctx)
	if now := time.Now(); now.Sub(d.agedAt) >= ageEvery {
		d.agedAt = now
		d.lookAtAge(ctx)
	}
}

// lookAtAge warns of a ledger that is too old for settling offline: the line is up, perhaps, and the feed brings nothing.
func (d *Daemon) lookAtAge(ctx context.Context) {
	s, err := d.ledger.OfflineStanding(ctx)
	if err != nil || s.LedgerAt.IsZero() {
		return
	}
	age, limit := s.Used.Age, s.Limits.MaxAge
	d.health.Put(limit > 0 && age > limit, health.LedgerStale, "",
		health.Args{"age": age.Round(time.Minute).String(), "limit": limit.String()})
}

func (d *Daemon) lookAtOutbox(ctx context.Context) {
	totals, err := d.ledger.OutboxTotals(ctx)
	if ctx.Err() != nil {
		return
	}
	fault := errors.Join(d.ledger.CheckPlace(), d.ledger.WriteFault())
	d.health.Put(settle.CodeOf(fault) == settle.StoreFull && fault != nil, health.StoreFull, "", nil)
	d.health.Put(err != nil || fault != nil && settle.CodeOf(fault) != settle.StoreFull, health.StoreBroken, "", nil)
	if err != nil {
		return
	}
	waiting := d.o.Clock().Sub(totals.OldestUnsent)
	d.health.Put(totals.Unsent > 0 && waiting > stuckAfter, health.OutboxStuck, "",
		health.Args{"count": strconv.Itoa(totals.Unsent), "age": waiting.Round(time.Minute).String()})
	d.health.Put(totals.Unknown > 0, health.OutboxUnknown, "", health.Args{"count": strconv.Itoa(totals.Unknown)})
	d.health.Put(totals.Refused > 0, health.OutboxRefused, "", health.Args{"count": strconv.Itoa(totals.Refused)})
}

// readiness shows the warnings to the API, Chinese first.
type readiness struct{ tracker *health.Tracker }

var _ localapi.Health = readiness{}

// Ready reports whether a sale can be settled, with the warnings that stand, worst first.
func (r readiness) Ready(context.Context) (bool, []localapi.Warning) {
	state := r.tracker.Readiness()
	warnings := make([]localapi.Warning, len(state.Warnings))
	for i, w := range state.Warnings {
		warnings[i] = localapi.Warning{
			Code: string(w.Code), Subject: w.Subject, Severity: string(w.Severity), Since: w.Since,
			Title: w.Title, Text: w.Text, Cause: w.Cause, Remedy: w.Remedy, English: localapi.WarningTexts(w.English),
		}
	}
	return state.Ready, warnings
}
