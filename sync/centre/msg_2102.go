package centre

import (
	"time"

	"gongji/settle"
	"gongji/sync/nhsa"
)

// settle answers 2102 药店结算.
func (w *work) settle(r *nhsa.Request) (any, error) {
	in, err := change[nhsa.SettleInput](w, r)
	if err != nil {
		return nil, err
	}
	row, p, err := w.price(r, &in.Info)
	if err != nil {
		return nil, err
	}
	serial := w.nextSerial()
	row.SetlID, row.MdtrtID, row.At = w.setlID(serial), w.mdtrtID(serial), w.tick()
	for i := range in.Details {
		d := &in.Details[i]
		row.Lines = append(row.Lines, rowLine{d.Line, d.Code, d.ShopCode, d.Quantity, d.Price, d.Total})
	}
	if err := w.record(entry{Kind: entryBook, Row: row}); err != nil {
		return nil, err
	}
	return map[string]any{"setlinfo": w.setlinfo(row, p, &in.Info), "setldetail": w.setldetail(row), "detlcutinfo": cutinfo(&in)}, nil
}

// price works out a settlement without booking it.
func (w *work) price(r *nhsa.Request, info *nhsa.DrugInfo) (*Row, *person, error) {
	p, err := w.patient(info)
	if err != nil {
		return nil, nil, err
	}
	ask, err := w.want(info)
	if err != nil {
		return nil, nil, err
	}
	figures, pays := w.split(p.PsnNo, settle.DateOf(time.Time(info.Begin)), ask)
	return &Row{
		MsgID: r.MsgID, Infno: r.Infno, Venue: r.Venue, PsnNo: p.PsnNo, Insurance: info.Insurance, Figures: figures, Pays: pays,
		ClrType: clrPharmacy, MedType: info.MedType, Leave: ask.leave,
	}, p, nil
}

// quote answers 2101 药店预结算: the same figures, and nothing is booked.
func (w *work) quote(r *nhsa.Request) (any, error) {
	in, err := input[nhsa.QuoteInput](r)
	if err != nil {
		return nil, err
	}
	if err := in.Check(); err != nil {
		return nil, refusal("[FORMAT] " + err.Error())
	}
	asked := in.Settlement()
	row, p, err := w.price(r, &asked.Info)
	if err != nil {
		return nil, err
	}
	row.At = w.tick()
	out := w.setlinfo(row, p, &asked.Info)
	delete(out, "setl_id")
	return map[string]any{"setlinfo": out, "setldetail": w.setldetail(row), "detlcutinfo": cutinfo(&asked)}, nil
}

// patient is the person of a settlement, whose credential must be their own.
func (w *work) patient(info *nhsa.DrugInfo) (*person, error) {
	w.fetchFamily(info.PsnNo, w.askHolder(info.CertType, info.CertNo)...)
	p := w.people.at(info.PsnNo)
	if p == nil {
		return nil, refusal("[PERSON] 未查询到参保人员信息")
	}
	var owner *person
	var card *settle.SnapshotCard
	var err error
	if info.CertType == settle.CredentialEvoucher.WireCode() {
		owner, err = w.shownTo(info.CertNo)
	} else {
		owner, card, err = w.holder(info.CertType, info.CertNo, "")
	}
	if err != nil || owner.PsnNo != p.PsnNo {
		return nil, refusal("[CARD] 人卡不一致：凭证不是患者本人的")
	}
	if card != nil && card.Status != settle.CardValid {
		return nil, refusal("[CARD] 社会保障卡已挂失或失效")
	}
	if p.Status.Locked() || p.Insurance != info.Insurance {
		return nil, refusal("[PERSON] 参保状态或险种不能结算")
	}
	return p, nil
}

// want is what the sale asks the accounts for: what the till expects, or all of it where the till says nothing.
func (w *work) want(info *nhsa.DrugInfo) (wanted, error) {
	ask := wanted{total: settle.Fen(info.Total), own: settle.Fen(info.Total)}
	split, err := info.Expected()
	if err != nil {
		return ask, refusal("[FORMAT] exp_content 不是 JSON")
	}
	if split != nil {
		if split.Fund < 0 || split.Own < 0 || split.Shared < 0 || split.Cash < 0 {
			return ask, refusal("[FORMAT] exp_content 的金额不能为负")
		}
		ask.fund, ask.own, ask.shared, ask.accounts, ask.leave = split.Fund, split.Own, split.Shared, split.Accounts, w.promises(split)
	}
	if info.UseAccounts != "1" {
		ask.own, ask.shared, ask.accounts = 0, 0, nil
	}
	return ask, nil
}

// setlinfo is the settlement as the national table has it.
func (w *work) setlinfo(row *Row, p *person, info *nhsa.DrugInfo) map[string]any {
	out := w.amounts(row)
	out["psn_no"], out["psn_name"], out["psn_cert_type"], out["certno"] = p.PsnNo, p.Name, "01", p.IDNumber
	out["insutype"], out["psn_type"], out["cvlserv_flag"] = info.Insurance, personType(info.Insurance), "0"
	out["mdtrt_cert_type"], out["med_type"] = info.CertType, info.MedType
	out["psn_part_amt"], out["psn_cash_pay"] = nhsa.Amount(row.Figures.Self()), nhsa.Amount(row.Figures.Cash)
	out["clr_way"], out["clr_type"] = "1", row.clrType()
	if row.clrType() == clrClinic {
		out["hosp_part_amt"] = nhsa.Amount(0)
	}
	return out
}

// amounts are the members that a settlement and its cancellation name alike. The whole bill counts as within the
// policy's scope: this centre has no catalogue of its own.
func (w *work) amounts(row *Row) map[string]any {
	f := row.Figures
	balance := settle.Fen(0)
	if own := w.accounts.at(row.PsnNo); own != nil {
		balance = own.total()
	}
	out := map[string]any{
		"setl_id": row.SetlID, "mdtrt_id": row.MdtrtID, "setl_time": nhsa.Stamp(row.At), "clr_optins": w.options.Area,
		"medins_setl_id": row.MsgID, "medfee_sumamt": nhsa.Amount(f.Total), "inscp_scp_amt": nhsa.Amount(f.Total),
		"hifp_pay": nhsa.Amount(f.Fund), "pool_prop_selfpay": 0, "fund_pay_sumamt": nhsa.Amount(w.fundSum(f)),
		"acct_pay": nhsa.Amount(f.Own + f.Shared), "acct_mulaid_pay": nhsa.Amount(f.Shared), "balc": nhsa.Amount(balance),
	}
	for _, none := range []string{
		"fulamt_ownpay_amt", "overlmt_selfpay", "preselfpay_amt", "act_pay_dedc", "cvlserv_pay", "hifes_pay", "hifmi_pay",
		"hifob_pay", "maf_pay", "oth_pay",
	} {
		out[none] = nhsa.Amount(0)
	}
	return out
}

// fundSum is fund_pay_sumamt in this centre's manner.
func (w *work) fundSum(f settle.Figures) settle.Fen {
	if w.options.Manner.FundIncludesAccount {
		return f.Fund + f.Own + f.Shared
	}
	return f.Fund
}

func (w *work) setldetail(row *Row) []any {
	rows := fundDetail(row)
	if account := row.Figures.Own + row.Figures.Shared; w.options.Manner.FundIncludesAccount && account != 0 {
		rows = append(rows, map[string]any{
			"fund_pay_type": "310200", "inscp_scp_amt": nhsa.Amount(row.Figures.Total), "crt_payb_lmt_amt": nhsa.Amount(account),
			"fund_payamt": nhsa.Amount(account),
		})
	}
	return rows
}

func fundDetail(row *Row) []any {
	if row.Figures.Fund == 0 {
		return []any{}
	}
	fund := "310100"
	if row.Insurance != settle.InsuranceEmployee {
		fund = "390100"
	}
	return []any{map[string]any{
		"fund_pay_type": fund, "inscp_scp_amt": nhsa.Amount(row.Figures.Total), "crt_payb_lmt_amt": nhsa.Amount(row.Figures.Fund),
		"fund_payamt": nhsa.Amount(row.Figures.Fund),
	}}
}

func cutinfo(in *nhsa.SettleInput) []any {
	rows := make([]any, 0, len(in.Details))
	for _, line := range in.Details {
		rows = append(rows, map[string]any{
			"feedetl_sn": line.Line, "det_item_fee_sumamt": line.Total, "cnt": line.Quantity, "pric": line.Price,
			"pric_uplmt_amt": line.Price, "inscp_scp_amt": line.Total, "chrgitm_lv": "01", "med_chrgitm_type": "09",
		})
	}
	return rows
}
