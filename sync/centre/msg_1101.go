package centre

import (
	"gongji/settle"
	"gongji/sync/nhsa"
)

// person answers 1101 人员基本信息获取.
func (w *work) person(r *nhsa.Request) (any, error) {
	in, err := input[nhsa.PersonInput](r)
	if err != nil {
		return nil, err
	}
	p, card, err := w.holder(in.Data.CertType, in.Data.CertNo, in.Data.Identifier)
	if err != nil {
		return nil, err
	}
	if card != nil && card.Status != settle.CardValid {
		return nil, refusal("[CARD] 社会保障卡已挂失或失效")
	}
	id, _ := settle.ParseIDNumber(p.IDNumber) //nolint:errcheck // a number without a valid check still has its birth date
	age, sex := 0, "2"
	if born := id.Birth(); born != 0 {
		age = settle.DateOf(w.options.Clock()).Year() - born.Year()
	}
	if digits := id.Reveal(); len(digits) == 18 && (digits[16]-'0')%2 == 1 {
		sex = "1"
	}
	// balc is what this venue may use: one that knows no more than 1101 tells cannot know what is held. What is left out of it
	// stands beside it for those who do.
	var balance settle.Fen
	var beside string
	if a := w.accounts.at(p.PsnNo); a != nil {
		held := w.heldElsewhere(p.PsnNo)
		balance = a.free(a.ReservedElsewhere + held)
		beside = nhsa.ToldAccount{Status: a.Status, Balance: a.total(), Frozen: a.Frozen, ReservedElsewhere: a.ReservedElsewhere + held}.Content()
	}
	return map[string]any{
		"baseinfo": map[string]any{
			"psn_no": p.PsnNo, "psn_cert_type": "01", "certno": p.IDNumber, "psn_name": p.Name, "gend": sex, "naty": "01",
			"brdy": id.Birth().String(), "age": age,
		},
		"insuinfo": []any{map[string]any{
			"balc": nhsa.Amount(balance), "insutype": p.Insurance, "psn_type": personType(p.Insurance), "psn_insu_stas": insuredStatus(p.Status),
			"cvlserv_flag": "0", "insuplc_admdvs": p.Area, "emp_name": "", "exp_content": beside,
		}},
		"idetinfo": []any{},
	}, nil
}

func personType(insurance string) string {
	if insurance == settle.InsuranceEmployee {
		return "1101"
	}
	return "1501"
}

func insuredStatus(status settle.Status) string {
	switch status {
	case settle.StatusNormal:
		return "1"
	case settle.StatusPaused:
		return "2"
	}
	return "4"
}
