#compdef nydusify
# Completion of nydusify for zsh. In ~/.zshrc, behind compinit: source <(nydusify completion zsh)
_nydusify() {
  local -a answer found
  local line
  answer=("${(@f)$(nydusify completion words -- "${(@Q)words[2,CURRENT-1]}" "${(Q)PREFIX}" 2>/dev/null)}")
  case ${answer[1]%% *} in
    words)
      for line in "${(@)answer[2,-1]}"; do
        # A colon ends the word in what _describe reads.
        found+=("${${line%%$'\t'*}//:/\\:}:${line#*$'\t'}")
      done
      ((${#found} > 0)) && _describe -V nydusify found
      ;;
    files)
      compset -p "${answer[1]##* }"
      _files
      ;;
    folders)
      compset -p "${answer[1]##* }"
      _files -/
      ;;
  esac
}
if [[ $funcstack[1] == _nydusify ]]; then
  _nydusify "$@"
else
  compdef _nydusify nydusify
fi
