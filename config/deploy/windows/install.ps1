# Installs or upgrades Gongji on Windows 10/11: program, configuration, service. Run in a PowerShell that was opened as
# administrator, in the unpacked archive:
#
#   powershell -ExecutionPolicy Bypass -File install.ps1 [-Port COM3]
#
# An existing configuration and the ledger stay as they are.
[CmdletBinding()]
param(
    [string]$Program = "$env:ProgramFiles\Gongji",
    [string]$Folder = "$env:ProgramData\Gongji",
    [string]$Port = ""
)
$ErrorActionPreference = "Stop"

$identity = [Security.Principal.WindowsPrincipal][Security.Principal.WindowsIdentity]::GetCurrent()
if (-not $identity.IsInRole([Security.Principal.WindowsBuiltInRole]::Administrator)) {
    throw "请以管理员身份打开 PowerShell 再运行 / open PowerShell as administrator"
}

function Invoke-Gongjid {
    & "$Program\gongjid.exe" @args
    if ($LASTEXITCODE -ne 0) { throw "gongjid ${args}: exit code $LASTEXITCODE" }
}

# An upgrade: the running program cannot be replaced. Orders to the till fail for some seconds and may be repeated.
$service = Get-Service -Name gongji -ErrorAction SilentlyContinue
if ($service -and $service.Status -ne "Stopped") { Stop-Service gongji; $service.WaitForStatus("Stopped", "00:00:30") }

New-Item -ItemType Directory -Force -Path $Program, $Folder | Out-Null
Copy-Item -Force "$PSScriptRoot\gongjid.exe", "$PSScriptRoot\gongji-centre.exe", "$PSScriptRoot\*.md", "$PSScriptRoot\third-party-licences.txt" $Program

# Configuration and secrets: administrators write, the service reads, nobody else sees. By well-known number, since the
# names of groups differ between languages of Windows.
icacls $Folder /inheritance:r /grant:r "*S-1-5-18:(OI)(CI)F" "*S-1-5-32-544:(OI)(CI)F" "*S-1-5-19:(OI)(CI)RX" | Out-Null
if ($LASTEXITCODE -ne 0) { throw "icacls $Folder" }

$config = "$Folder\gongjid.yaml"
if (-not (Test-Path $config)) {
    $text = [IO.File]::ReadAllText("$PSScriptRoot\gongjid.example.yaml")
    $text = $text -replace "(?m)^data: .*$", "data: '$Folder\data'"
    if (-not $Port) { $Port = ([IO.Ports.SerialPort]::GetPortNames() | Sort-Object | Select-Object -First 1) }
    if (-not $Port) { $Port = "COM3" }
    $text = $text -replace "(?m)^  port: /dev/ttyUSB0 ", "  port: $Port "
    [IO.File]::WriteAllText($config, $text, (New-Object Text.UTF8Encoding $false))
    Write-Host "请修改 $config（机构编号、地区、读卡器、医保中心），然后再次运行本脚本。"
    Write-Host "Edit $config (venue, region, reader, centre), and run this script again."
    notepad $config
    exit 0
}

if (-not $service) { Invoke-Gongjid service install --config $config }
Invoke-Gongjid service start
Write-Host "检查：& '$Program\gongjid.exe' check --config $config"
Write-Host "收银台令牌 token for the till：& '$Program\gongjid.exe' pos add counter-1 --data $Folder\data"
