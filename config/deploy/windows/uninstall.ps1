# Removes Gongji's service and program. Refuses while the centre has not acknowledged everything, unless -Force is given.
# Configuration, ledger and keys stay: records must be kept for years.
[CmdletBinding()]
param(
    [string]$Program = "$env:ProgramFiles\Gongji",
    [string]$Folder = "$env:ProgramData\Gongji",
    [switch]$Force
)
$ErrorActionPreference = "Stop"

if (-not $Force) {
    & "$Program\gongjid.exe" outbox --config "$Folder\gongjid.yaml" --fail-if-unsent
    if ($LASTEXITCODE -ne 0) {
        throw "还有交易没有上报（或账本读不出），不能卸载 / not removed: reports are unsent, or nobody can tell. -Force removes all the same."
    }
}
if (Get-Service -Name gongji -ErrorAction SilentlyContinue) {
    & "$Program\gongjid.exe" service remove
    if ($LASTEXITCODE -ne 0) { throw "gongjid service remove: exit code $LASTEXITCODE" }
}
Remove-Item -Recurse -Force $Program
Write-Host "已卸载；配置、账本和密钥保留在 $Folder / removed; configuration, ledger and keys stay in $Folder"
