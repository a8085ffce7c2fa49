package feed

import (
	"context"

	"gongji/settle"
)

// gathered is a full snapshot over its pages. The first page's time stands for all of it: what the centre booked while the
// pages were on their way is then counted as not yet inside, which is the safe side. An account's own contains_through
// stays as its page said. A store that takes large snapshots gathers it on disk, any other gets it whole.
type gathered struct {
	begun bool
	stage settle.SnapshotStage
	whole settle.Snapshot
}

func (g *gathered) add(ctx context.Context, store Store, page settle.Snapshot) (err error) {
	bulk, takes := store.(BulkStore)
	if !g.begun {
		g.begun = true
		g.whole = settle.Snapshot{CentreTime: page.CentreTime, Full: true}
		if takes {
			g.stage, err = bulk.StageSnapshot(ctx, page.CentreTime, true, false)
			if err != nil {
				return err
			}
		}
	}
	if g.stage != nil {
		return g.stage.Add(ctx, page)
	}
	whole := &g.whole
	whole.People = append(whole.People, page.People...)
	whole.Accounts = append(whole.Accounts, page.Accounts...)
	whole.Bindings = append(whole.Bindings, page.Bindings...)
	whole.Usage = append(whole.Usage, page.Usage...)
	whole.EndedBinds = append(whole.EndedBinds, page.EndedBinds...)
	whole.EndedPsnNo = append(whole.EndedPsnNo, page.EndedPsnNo...)
	return nil
}

// apply makes the whole count under the last page's id and cursor.
func (g *gathered) apply(ctx context.Context, store Store, last settle.Snapshot) error {
	if g.stage != nil {
		stage := g.stage
		g.stage = nil
		return stage.Apply(ctx, last.ID, last.Cursor, nil)
	}
	g.whole.ID, g.whole.Cursor = last.ID, last.Cursor
	return store.ApplySnapshot(ctx, g.whole)
}

// drop forgets a snapshot that did not come to its end.
func (g *gathered) drop(ctx context.Context) error {
	if g.stage == nil {
		return nil
	}
	return g.stage.Drop(context.WithoutCancel(ctx))
}
