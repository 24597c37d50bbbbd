# Completion of nydusify for bash. In ~/.bashrc: source <(nydusify completion bash)
_nydusify() {
  local current=${COMP_WORDS[COMP_CWORD]} word last='' kind='' prefix=0 line i
  local -a words=() found=()
  # Bash cuts words at = and :, which are parts of flags and of names of images.
  for ((i = 1; i <= COMP_CWORD; i++)); do
    word=${COMP_WORDS[i]}
    if ((${#words[@]} > 0)) && [[ $word == [=:] || $last == [=:] ]]; then
      words[${#words[@]} - 1]+=$word
    else
      words+=("$word")
    fi
    last=$word
  done
  [[ $current == [=:] ]] && current=''
  local whole=${words[${#words[@]} - 1]}
  local cut=${whole%"$current"}
  while IFS= read -r line; do
    if [[ -z $kind ]]; then
      kind=${line%% *}
      prefix=${line##* }
    else
      found+=("${line%%$'\t'*}")
    fi
  done < <(nydusify completion words -- "${words[@]}" 2>/dev/null)
  COMPREPLY=()
  case $kind in
    words)
      for word in "${found[@]}"; do COMPREPLY+=("${word#"$cut"}"); done
      ;;
    files | folders)
      local action=file
      [[ $kind == folders ]] && action=directory
      compopt -o filenames 2>/dev/null
      while IFS= read -r line; do
        line=${whole:0:prefix}$line
        COMPREPLY+=("${line#"$cut"}")
      done < <(compgen -A "$action" -- "${whole:prefix}")
      ;;
  esac
}
complete -F _nydusify nydusify
