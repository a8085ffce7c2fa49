package nhsa

import (
	"encoding/json"
	"errors"

	"gongji/settle"
)

// fundParts are the members whose sum is fund_pay_sumamt (identity 4).
var fundParts = []string{"hifp_pay", "cvlserv_pay", "hifes_pay", "hifmi_pay", "hifob_pay", "maf_pay", "oth_pay", "hifdm_pay"}

// accountFund is the fund_pay_type of the personal account, which some centres list among the funds.
const accountFund = "310200"

// checkFunds holds identities 3 to 5 in the dialect's manner: the whole is fund + person (+ hospital), the fund is the
// sum of its parts, and the rows of setldetail sum to it. A member that the centre leaves out says nothing.
func checkFunds(a *Answer, figures settle.Figures, d *Dialect) error {
	if !d.CheckFunds {
		return nil
	}
	node, err := a.node("setlinfo")
	if err != nil {
		return err
	}
	f, err := readFields(node)
	if err != nil || !f.has("fund_pay_sumamt") {
		return err
	}
	fund := f.amount("fund_pay_sumamt")
	person, account := figures.Self(), settle.Fen(0)
	if d.FundIncludesAccount {
		account = figures.Own + figures.Shared
		person -= account
	}
	if fund+person+f.amount("hosp_part_amt") != figures.Total {
		f.fail("fund_pay_sumamt", errors.New("does not fill up medfee_sumamt in this centre's manner"))
	}
	var parts settle.Fen
	named := false
	for _, part := range fundParts {
		parts += f.amount(part)
		named = named || f.has(part)
	}
	if named && parts+account != fund {
		f.fail("fund_pay_sumamt", errors.New("is not the sum of the funds"))
	}
	if rows, told := fundRows(a, f, d); told && rows != fund {
		f.fail("setldetail", errors.New("does not sum to fund_pay_sumamt"))
	}
	return f.fault
}

// fundRows sums setldetail; told says that there are rows. The account's row counts where the fund includes it.
func fundRows(a *Answer, f *fields, d *Dialect) (sum settle.Fen, told bool) {
	node, err := a.node("setldetail")
	if err != nil {
		return 0, false
	}
	rows, err := oneOrMany[json.RawMessage](node)
	if err != nil {
		f.fail("setldetail", errors.New("is not a list"))
		return 0, false
	}
	listed := false
	for _, raw := range rows {
		row, err := readFields(raw)
		if err != nil {
			f.fail("setldetail", err)
			return 0, false
		}
		isAccount := row.text("fund_pay_type") == accountFund
		listed = listed || isAccount
		if !isAccount || d.FundIncludesAccount {
			sum += row.amount("fund_payamt")
		}
		f.fail("setldetail", row.fault)
	}
	// In the Guangdong manner the rows tell the whole fund only where the account has a row of its own.
	return sum, len(rows) > 0 && (listed || !d.FundIncludesAccount)
}
