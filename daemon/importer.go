package daemon

import (
	"gongji/daemon/localapi"
	"gongji/settle/ledger"
	"gongji/sync/feed"
)

var (
	_ feed.ImportStore    = (*ledger.Ledger)(nil)
	_ feed.BulkStore      = (*ledger.Ledger)(nil)
	_ feed.AllowanceStore = (*ledger.Ledger)(nil)
)

// importer takes files signed by the configured keys; nil where there are none. It needs no centre: it is the way of a
// shop whose centre has no feed.
func (d *Daemon) importer() (localapi.Importer, error) {
	keys := d.o.Config.Import.TrustedKeys
	if len(keys) == 0 {
		return nil, nil
	}
	importer, err := feed.NewImporter(feed.ImporterOptions{
		Trusted: keys, Store: d.ledger, Clock: d.o.Clock, Logger: d.o.Logger,
	})
	if err != nil {
		return nil, err
	}
	return importer, nil
}
