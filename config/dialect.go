package config

// Dialect holds the switches in which one centre's reading of the national interface differs from another's. Preset
// names a province's set; every other key, where it is set, overrides the preset, and an empty key leaves it to the
// preset.
type Dialect struct {
	Preset string `yaml:"preset"` // national, hubei, guangdong, shenzhen or zhejiang

	InfVer       string `yaml:"infver"`         // interface version in the envelope: V1.0, 1.0, 1.0.0
	RecerSysCode string `yaml:"recer_sys_code"` // receiver system code in the envelope
	Msgid        string `yaml:"msgid"`          // national (code, second, 4 digits) or millisecond (code, millisecond, 1 digit)
	Path         string `yaml:"path"`           // single (one URL) or per_infno (the number is appended)
	Input        string `yaml:"input"`          // object, or text (JSON inside a JSON text)

	RefdSetlFlag        string `yaml:"refd_setl_flag"`        // in 3201: absent, lower or upper case
	ReconcileSum        string `yaml:"reconcile_sum"`         // last sum of 3201: acct_pay or cash_payamt
	ReconcileCount      string `yaml:"reconcile_count"`       // rows (a cancellation is its own row) or net
	DetailColumns       string `yaml:"detail_columns"`        // of the 3202 result: result_first or flag_first
	FundIncludesAccount *bool  `yaml:"fund_includes_account"` // fund_pay_sumamt contains acct_pay

	TracePlace string `yaml:"trace_place"` // trace codes of 2102: node (beside the lines) or line (inside)
	TraceName  string `yaml:"trace_name"`  // name of that node
	VisitInfno string `yaml:"visit_infno"` // a clinic's 2203 goes as 2203, 2203A or 2203B

	NotFoundPrefixes      []string `yaml:"not_found_prefixes"`      // error texts of 2601: the original does not exist
	NotReversiblePrefixes []string `yaml:"not_reversible_prefixes"` // error texts of 2601: the original cannot be undone
}

// dialectChoices are the values of those keys that have a closed set; empty is always allowed.
var dialectChoices = []struct {
	key    string
	value  func(*Dialect) string
	choice []string
}{
	{"msgid", func(d *Dialect) string { return d.Msgid }, []string{"national", "millisecond"}},
	{"path", func(d *Dialect) string { return d.Path }, []string{"single", "per_infno"}},
	{"input", func(d *Dialect) string { return d.Input }, []string{"object", "text"}},
	{"refd_setl_flag", func(d *Dialect) string { return d.RefdSetlFlag }, []string{"absent", "lower", "upper"}},
	{"reconcile_sum", func(d *Dialect) string { return d.ReconcileSum }, []string{"acct_pay", "cash_payamt"}},
	{"reconcile_count", func(d *Dialect) string { return d.ReconcileCount }, []string{"rows", "net"}},
	{"detail_columns", func(d *Dialect) string { return d.DetailColumns }, []string{"result_first", "flag_first"}},
	{"trace_place", func(d *Dialect) string { return d.TracePlace }, []string{"node", "line"}},
	{"visit_infno", func(d *Dialect) string { return d.VisitInfno }, []string{"2203", "2203A", "2203B"}},
}
