package nhsa

import "gongji/settle"

// GoodsUpload is 3505, or 3506 for what came back, with some of the rows of an upload.
type GoodsUpload struct {
	Dossier settle.UploadDossier
	Rows    []int // N of the rows that are sent, in order
}

// maxRows is the most rows in one message.
const maxRows = maxGoods

// PendingRows are the rows of an upload that the next message takes: those not yet decided, as many as fit.
func PendingRows(d *settle.UploadDossier) (rows []int) {
	for i := range d.Rows {
		if d.Rows[i].State == settle.ReportPending && len(rows) < maxRows {
			rows = append(rows, i)
		}
	}
	return rows
}

// Infno is 3505 or 3506.
func (m GoodsUpload) Infno() string {
	if m.Dossier.Upload.Kind == settle.UploadReturned {
		return InfnoReturned
	}
	return InfnoSold
}

// Input builds and checks the rows. The error is BAD_REQUEST; use Fault to learn which row it is.
func (m GoodsUpload) Input() (any, bool, error) {
	if m.Infno() == InfnoReturned {
		var message Returned
		for _, n := range m.Rows {
			message.Rows = append(message.Rows, m.returned(n))
		}
		return message.Input()
	}
	var message Sold
	for _, n := range m.Rows {
		message.Rows = append(message.Rows, m.sold(n))
	}
	return message.Input()
}

// Fault is why a row cannot go to the centre at all, such as a lot number that is missing; nil where it can.
func (m GoodsUpload) Fault(n int) error {
	m.Rows = []int{n}
	_, _, err := m.Input()
	return err
}

func (m GoodsUpload) sold(n int) SoldGoods {
	d, line := &m.Dossier, &m.Dossier.Sale.Lines[n]
	rx := d.Sale.Prescription
	return SoldGoods{
		Code: line.Code, ShopCode: orElse(line.ShopCode, line.Code), ShopName: line.Name, BatchNo: line.Batch, PrescriberName: rx.Doctor,
		PharmacistName: d.Sale.Pharmacist, SettledAs: PaidInsured, SetlID: d.Upload.SetlID, VisitNo: d.MdtrtSn, PsnNo: d.Identity.PsnNo,
		Lot: line.Batch, MadeOn: line.MadeOn, ExpiresOn: line.ExpiresOn, Prescription: wireFlag(line.Rx || rx.Number != ""),
		Split: wireFlag(line.SplitPack), Price: Number(line.UnitPrice), RxNo: rx.Number, Receipt: d.ReceiptNo, Quantity: Number(line.Quantity),
		Time: Stamp(d.At), Operator: orElse(d.Operator.Name, d.Operator.ID), Traces: traceCodes(line.TraceCodes),
	}
}

func (m GoodsUpload) returned(n int) ReturnedGoods {
	d, line := &m.Dossier, &m.Dossier.Sale.Lines[n]
	return ReturnedGoods{
		Code: line.Code, ShopCode: orElse(line.ShopCode, line.Code), ShopName: line.Name, BatchNo: line.Batch, SettledAs: PaidInsured,
		SetlID: d.Upload.SetlID, PsnNo: d.Identity.PsnNo, Lot: line.Batch, MadeOn: line.MadeOn, ExpiresOn: line.ExpiresOn,
		Split: wireFlag(line.SplitPack), Price: Number(line.UnitPrice), Quantity: Number(line.Quantity), Time: Stamp(d.At),
		Operator: orElse(d.Operator.Name, d.Operator.ID), SaleNo: d.ReceiptNo, Traces: traceCodes(line.TraceCodes),
	}
}

func traceCodes(codes []string) []TraceCode {
	traces := make([]TraceCode, 0, len(codes))
	for _, code := range codes {
		traces = append(traces, TraceCode{code})
	}
	return traces
}

// Passing reports whether a refusal (of a row or of a message) says that the same may be taken later.
func (c *Client) Passing(text string) bool { return containsAny(text, c.options.Dialect.PassingTexts) }

// RowRepeated reports whether a row was refused because it is there already.
func (c *Client) RowRepeated(text string) bool {
	return containsAny(text, c.options.Dialect.RepeatedRowTexts)
}
