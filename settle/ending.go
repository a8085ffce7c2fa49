package settle

import "slices"

// Why a binding ends by itself (N5 and the Civil Code: a relation of insured people ends with the insurance or the person),
// besides EndDeath and EndDivorce.
const (
	EndMoved          = "insurance_moved" // insured in an area that may not share with the other's
	EndInsuranceEnded = "insurance_ended"
)

// EndingFacts are two bound people before and after the centre spoke of them.
type EndingFacts struct {
	Binding                          Binding
	Giver, Beneficiary               Person
	GiverAccount                     Status // empty: no account is known
	GiverAreaWas, BeneficiaryAreaWas string // before; empty: nothing was known, and nobody can have moved
}

// Ending is why a binding has ended by itself.
type Ending struct {
	Reason  string `json:"reason"`   // EndDeath, EndMoved, EndInsuranceEnded
	OfGiver bool   `json:"of_giver"` // it happened to the giver, else to the beneficiary
}

// AutoEnd tells whether the policy (binding.auto_end_on) ends a binding for what the centre says of its two people. It is
// pure. Divorce is not among the facts a centre tells of a person: a divorced giver ends the binding by a request, which no
// lock holds up.
//
// An area that never fitted is no move: a centre may know a pair of areas that this policy does not, so only people who
// were in a fitting one before have moved. A status that the region lets pay, or receive, is no end of insurance.
func AutoEnd(rules *Rules, f *EndingFacts) (Ending, bool) {
	on := func(event string) bool { return slices.Contains(rules.Binding.AutoEndOn, event) }
	switch {
	case on("death") && (f.Giver.Status == StatusDeceased || f.GiverAccount == StatusDeceased):
		return Ending{Reason: EndDeath, OfGiver: true}, true
	case on("death") && f.Beneficiary.Status == StatusDeceased:
		return Ending{Reason: EndDeath}, true
	case on(EndInsuranceEnded) && rules.giverGone(f):
		return Ending{Reason: EndInsuranceEnded, OfGiver: true}, true
	case on(EndInsuranceEnded) && rules.beneficiaryGone(f.Beneficiary.Status):
		return Ending{Reason: EndInsuranceEnded}, true
	case on(EndMoved) && rules.movedApart(f):
		return Ending{Reason: EndMoved, OfGiver: f.Giver.Area != f.GiverAreaWas}, true
	}
	return Ending{}, false
}

// over is a status after which there is no insurance, or account, any more. A pause or a freeze passes.
func over(status Status) bool { return status == StatusEnded || status == StatusClosed }

func (r *Rules) giverGone(f *EndingFacts) bool {
	gone := func(s Status) bool { return over(s) && !slices.Contains(r.Giver.StatusOK, s) }
	return gone(f.Giver.Status) || gone(f.GiverAccount)
}

func (r *Rules) beneficiaryGone(s Status) bool {
	return r.Beneficiary.InsuredRequired && over(s) && !slices.Contains(r.Beneficiary.StatusOK, s)
}

func (r *Rules) movedApart(f *EndingFacts) bool {
	if f.GiverAreaWas == "" || f.BeneficiaryAreaWas == "" || f.Binding.Mode == Wallet && r.CrossProvince.Mode == CrossWalletQuota {
		return false
	}
	return r.Area.areasFit(f.GiverAreaWas, f.BeneficiaryAreaWas) && !r.Area.areasFit(f.Giver.Area, f.Beneficiary.Area)
}

// endSentences say why a binding ended: of the giver, then of the beneficiary.
var endSentences = map[string][2]Sentence{
	EndDeath: {
		{Message: "共济人（出钱的一方）已故，绑定自动解除", English: "The giver died; the binding ended by itself"},
		{Message: "被共济的亲属已故，绑定自动解除", English: "The relative died; the binding ended by itself"},
	},
	EndInsuranceEnded: {
		{Message: "共济人已停保或账户已注销，绑定自动解除", English: "The giver's insurance or account ended; the binding ended by itself"},
		{Message: "被共济的亲属已停保，绑定自动解除", English: "The relative's insurance ended; the binding ended by itself"},
	},
	EndMoved: {
		{Message: "共济人的医保关系已转到不能共济的地区，绑定自动解除", English: "The giver's insurance moved to an area that may not share; the binding ended by itself"},
		{Message: "亲属的医保关系已转到不能共济的地区，绑定自动解除", English: "The relative's insurance moved to an area that may not share; the binding ended by itself"},
	},
}

// EndWords say to the cashier why a binding ended by itself, with what the policy rests on.
func EndWords(rules *Rules, ending Ending) Sentence {
	at := 1
	if ending.OfGiver {
		at = 0
	}
	words := endSentences[ending.Reason][at]
	words.Hint = "需要继续共济的，请双方到参保地重新办理绑定。"
	if source := rules.Cite("binding.auto_end_on").Text(); source != "" {
		words.Message += "（" + source + "）"
	}
	words.Message += "。"
	return words
}
