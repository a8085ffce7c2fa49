package daemon

import (
	"context"
	"errors"

	"gongji/daemon/localapi"
	"gongji/settle"
)

var _ localapi.Upstream = (*upstream)(nil)

// Upstream is how the way to the centre stands. Errors: the ledger's.
func (u *upstream) Upstream(ctx context.Context) (s settle.UpstreamStanding, err error) {
	if s.OfflineStanding, err = u.d.ledger.OfflineStanding(ctx); err != nil {
		return s, err
	}
	c := u.d.o.Config.Upstream
	s.Configured, s.Offline, s.Authority, s.Feed = u.client != nil, u.Offline(), c.Authority, settle.FeedNone
	if s.Configured {
		s.CentreTime = u.client.CentreNow()
	}
	if s.Configured && c.Has("feed") {
		s.Feed = settle.FeedOn
		if !u.feed.Extended() {
			s.Feed = settle.FeedOff
		}
	}
	s.Large, _ = u.d.ledger.LargeSnapshot()
	return s, nil
}

// ReturnAllowances gives everything back that the centre guarantees this venue. NOT_CONFIGURED without a centre; the other
// errors are the feed's.
func (u *upstream) ReturnAllowances(ctx context.Context) error {
	if u.feed == nil {
		return settle.NewError(settle.NotConfigured, errors.New("no centre is configured"))
	}
	return u.feed.ReturnAllowances(ctx, true)
}
