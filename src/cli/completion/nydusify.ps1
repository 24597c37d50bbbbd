# Completion of nydusify for PowerShell. In $PROFILE: nydusify completion powershell | Out-String | Invoke-Expression
Register-ArgumentCompleter -Native -CommandName nydusify -ScriptBlock {
    param($wordToComplete, $commandAst, $cursorPosition)
    $words = @($commandAst.CommandElements | Select-Object -Skip 1 |
        Where-Object { $_.Extent.EndOffset -lt $cursorPosition } |
        ForEach-Object { if ($_ -is [System.Management.Automation.Language.StringConstantExpressionAst]) { $_.Value } else { $_.Extent.Text } })
    # The marker keeps an empty last word, which older versions of PowerShell do not pass on.
    $answer = @(& nydusify completion words -- @words "=$wordToComplete" 2>$null)
    if ($answer.Count -eq 0) { return }
    $kind, $prefix = $answer[0] -split ' '
    if ($kind -eq 'words') {
        $answer | Select-Object -Skip 1 | ForEach-Object {
            $word, $meaning = $_ -split "`t", 2
            if (-not $meaning) { $meaning = $word }
            [System.Management.Automation.CompletionResult]::new($word, $word, 'ParameterValue', $meaning)
        }
        return
    }
    $before = $wordToComplete.Substring(0, [int]$prefix)
    [System.Management.Automation.CompletionCompleters]::CompleteFilename($wordToComplete.Substring([int]$prefix)) |
        Where-Object { $kind -eq 'files' -or $_.ResultType -eq 'ProviderContainer' } |
        ForEach-Object {
            [System.Management.Automation.CompletionResult]::new($before + $_.CompletionText, $_.ListItemText, $_.ResultType, $_.ToolTip)
        }
}
