package outbox

import (
	"context"
	"time"

	"gongji/settle"
	"gongji/sync/nhsa"
)

// uploadsAtOnce is how many uploads are taken from the store at a time. They go one after the other, on a line of their
// own: a report of money never waits for one.
const uploadsAtOnce = 16

// uploadEvery is how often the uploads are looked through when nothing has woken them.
const uploadEvery = time.Second

// uploadsRest is how long nobody looks again after a look that has found nothing.
const uploadsRest = 20 * time.Millisecond

func (w *Worker) wakeGoods() {
	select {
	case w.goods <- struct{}{}:
	default:
	}
}

// upload works the uploads off until ctx ends.
func (w *Worker) upload(ctx context.Context) {
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-w.goods:
		case <-timer.C:
		}
		more := false
		if streak, known := w.options.Client.Failures(); known && streak < downAfter {
			more = w.uploadDue(ctx)
		}
		if more {
			timer.Reset(0)
			continue
		}
		timer.Reset(uploadEvery)
		select { // many reports that end at once are one look
		case <-ctx.Done():
			return
		case <-time.After(uploadsRest):
		}
	}
}

// uploadDue sends what is due and reports whether there may be more.
func (w *Worker) uploadDue(ctx context.Context) (more bool) {
	due, err := w.options.Uploads.DueUploads(ctx, w.options.Clock(), uploadsAtOnce)
	if err != nil {
		w.storeFault(ctx, "due uploads", err)
		return false
	}
	for i := range due {
		if ctx.Err() != nil {
			return false
		}
		if err := w.uploadOne(ctx, due[i].ID); err != nil {
			w.storeFault(ctx, "upload", err)
			return false
		}
	}
	return len(due) > 0
}

// parcel is one upload being worked on.
type parcel struct {
	w       *Worker
	dossier settle.UploadDossier
	result  settle.UploadResult
	held    time.Duration // above 0: it is looked at again then, and not before
}

// uploadOne sends the rows of an upload that are still to be sent, once. The error is the store's.
func (w *Worker) uploadOne(ctx context.Context, id int64) error {
	dossier, err := w.options.Uploads.UploadDossier(ctx, id)
	if err != nil || dossier.Upload.Done {
		return err
	}
	p := &parcel{w: w, dossier: dossier, result: settle.UploadResult{Upload: id}}
	rows := p.sendable()
	if len(rows) == 0 || p.behind() {
		return p.finish(ctx)
	}
	operator := fitting(dossier.Operator, w.options.Operator)
	signNo, outcome, err := w.options.SignIns.Number(ctx, operator)
	if err != nil || signNo == "" {
		p.wait("签到没有成功：" + outcome.Fault)
		return p.finish(ctx)
	}
	message := nhsa.GoodsUpload{Dossier: p.dossier, Rows: rows}
	prepared, err := w.options.Client.Prepare(ctx, nhsa.Call{Message: message, Operator: operator, SignNo: signNo, InsuredArea: dossier.Identity.Area})
	if err != nil {
		p.wait("上传报文无法生成：" + err.Error())
		return p.finish(ctx)
	}
	err = w.options.Uploads.BeginUpload(ctx, settle.UploadMessage{
		MsgID: prepared.MsgID, Upload: id, Infno: prepared.Infno, Rows: rows, Body: prepared.Body, SentAt: w.options.Clock(),
	})
	if err != nil {
		return err
	}
	p.result.MsgID = prepared.MsgID
	p.conclude(rows, signNo, operator, w.options.Client.Send(ctx, prepared))
	return p.finish(ctx)
}

const (
	lateText = "销售上传（3505）有一次没有应答，可能还在路上；等它不会再到，再上传退货（3506）"
	// returningText is the fault of a sale that waits behind a return.
	returningText = "同一盒药上一次销售的退货（3506）还没有上传到医保中心；退货上传后再上传这次销售（3505）"
	// heldLeast is how long a sale is held at first, and heldShare the part of its age that it is held later.
	heldLeast = time.Second
	heldShare = 8
	// heldMost is how long a return is held until it is looked at again. The store takes a pause that is much longer for one
	// that was written by a wrong clock.
	heldMost = 5 * time.Minute
)

// behind holds an upload back that must come after another: a sale of a pack behind the return of its earlier sale, which the
// centre may be told of days later, and a return behind its sale.
func (p *parcel) behind() bool {
	if p.dossier.Returning {
		age := p.w.options.Clock().Sub(p.dossier.Upload.CreatedAt)
		p.held, p.result.Fault = max(heldLeast, min(age/heldShare, heldMost)), returningText
		return true
	}
	return p.behindSale()
}

// behindSale holds a return back behind a 3505 of the sale that may still be on its way, until ProofAfter has passed: arriving
// after the 3506 it would have the centre take the codes as sold for good. The time is counted by the monotonic clock, from the
// first look in this process on: the PC's clock shortens it by nothing, and a restart only begins it anew.
func (p *parcel) behindSale() bool {
	id := p.dossier.Upload.ID
	if !p.dossier.Late {
		return false
	}
	since, known := p.w.late[id]
	if !known {
		since = time.Now()
		p.w.late[id] = since
	}
	left := p.w.options.ProofAfter - time.Since(since)
	if left <= 0 {
		return false
	}
	p.held, p.result.Fault = min(left, heldMost), lateText
	return true
}

const neverTaken = "中心没有收下这一行的销售（3505），退货无需上传"

// sendable are the rows of the next message. Those that do not fit the interface are refused here, each by itself; goods
// that the centre never took as sold are no return to it.
func (p *parcel) sendable() (rows []int) {
	check := nhsa.GoodsUpload{Dossier: p.dossier}
	for _, n := range nhsa.PendingRows(&p.dossier) {
		if p.dossier.Rows[n].Unsold {
			p.row(n, settle.ReportAccepted, neverTaken)
			continue
		}
		if err := check.Fault(n); err != nil {
			p.row(n, settle.ReportRefused, "不合接口规范："+err.Error())
			continue
		}
		rows = append(rows, n)
	}
	return rows
}

// row notes what became of a row.
func (p *parcel) row(n int, state settle.ReportState, fault string) {
	row := &p.dossier.Rows[n]
	row.State, row.Fault = state, p.redact(fault)
	p.result.Rows = append(p.result.Rows, *row)
}

// conclude reads the outcome of a message. Infcode 0 alone is no success: each row has its own word. A message without an
// outcome is sent again: its rows carry the receipt and the codes, and rows that are there already are told apart.
func (p *parcel) conclude(rows []int, signNo string, operator settle.Operator, outcome nhsa.Outcome) {
	client := p.w.options.Client
	switch {
	case outcome.Result == nhsa.NotSent:
		p.result.State = settle.DispatchUnsent
		p.wait(outcome.Fault)
	case client.SignInRefused(outcome):
		p.w.options.SignIns.Forget(operator, signNo)
		p.result.State = settle.DispatchUnsent
		p.wait(outcome.Fault)
	case outcome.Done():
		p.read(rows, outcome.Answer)
	case outcome.Refused() && !client.MessageRepeated(outcome) && !client.Passing(outcome.Fault):
		p.result.State = settle.DispatchRefused
		for _, n := range rows {
			p.row(n, settle.ReportRefused, outcome.Fault)
		}
	case outcome.Refused():
		p.result.State = settle.DispatchRefused
		p.wait(outcome.Fault)
	default:
		p.result.State = settle.DispatchUnknown
		p.wait(outcome.Fault)
	}
}

// read takes the word on each row.
func (p *parcel) read(rows []int, answer *nhsa.Answer) {
	client := p.w.options.Client
	results, err := nhsa.DecodeGoods(answer, len(rows))
	if err != nil {
		p.result.State = settle.DispatchUnknown
		p.wait("中心的应答读不懂：" + err.Error())
		return
	}
	p.result.State = settle.DispatchAccepted
	for i, n := range rows {
		switch r := &results[i]; {
		case r.Accepted || p.dossier.Unclear && client.RowRepeated(r.Text):
			p.row(n, settle.ReportAccepted, "")
		case client.Passing(r.Text):
			p.row(n, settle.ReportPending, r.Text)
			p.wait(r.Text)
		default:
			p.row(n, settle.ReportRefused, r.Text)
		}
	}
}

// wait tries the rows that are left later.
func (p *parcel) wait(fault string) {
	p.result.Attempt, p.result.Fault = true, p.redact(fault)
}

// finish writes where the upload stands: done when every row has a last word, and then on the work list where one of
// them was refused.
func (p *parcel) finish(ctx context.Context) error {
	if ctx.Err() != nil && p.result.MsgID == "" {
		return nil // nothing has changed; the next start takes it up
	}
	now := p.w.options.Clock()
	r := &p.result
	r.At, r.NextAt, r.Done, r.UploadState = now, now, true, settle.ReportAccepted
	for i := range p.dossier.Rows {
		switch p.dossier.Rows[i].State {
		case settle.ReportPending:
			r.Done = false
		case settle.ReportRefused:
			r.UploadState = settle.ReportRefused
		}
	}
	if !r.Done {
		r.UploadState = settle.ReportPending
		if r.State == settle.DispatchUnknown || p.dossier.Unclear {
			r.UploadState = settle.ReportUnknown
		}
		switch {
		case r.Attempt:
			r.NextAt = now.Add(p.w.backoff(p.dossier.Upload.Attempts))
		case p.held > 0:
			r.NextAt = now.Add(p.held)
		}
	} else {
		delete(p.w.late, r.Upload)
	}
	ctx, cancel := p.w.writing(ctx)
	defer cancel()
	if err := p.w.options.Uploads.FinishUpload(ctx, *r); err != nil {
		return err
	}
	p.tell()
	return nil
}

func (p *parcel) tell() {
	if fault := p.result.Fault; fault != "" && fault != p.dossier.Upload.Fault { // a fault that repeats itself is logged once
		p.w.log.Warn("an upload of goods waits", "upload", p.dossier.Upload.ID, "msgid", p.result.MsgID, "fault", fault)
	}
	refused := 0
	for i := range p.result.Rows {
		if p.result.Rows[i].State == settle.ReportRefused {
			refused++
		}
	}
	if refused > 0 {
		p.w.log.Error("rows of an upload of goods were refused", "upload", p.dossier.Upload.ID, "rows", refused)
	}
}

func (p *parcel) redact(text string) string {
	id := p.dossier.Identity
	var secrets []string
	for _, s := range []string{id.PsnNo, id.IDNumber, id.Name} {
		if s != "" {
			secrets = append(secrets, s)
		}
	}
	return nhsa.Redact(text, secrets...)
}
