// French. Other modules name a text by its English; {…} is filled in. This file is loaded when its
// language is chosen.

export const MESSAGES = {
  // Frame
  Language: "Langue",
  "Carlens: see the vehicles in your photos": "Carlens : voyez les véhicules de vos photos",
  "Carlens: the API": "Carlens : l’API",
  "Carlens: names": "Carlens : les noms",
  Photos: "Photos",
  "See the vehicles in your photos": "Voyez les véhicules de vos photos",
  "Send several photos at once. Carlens draws a box around every vehicle.":
    "Envoyez plusieurs photos à la fois. Carlens encadre chaque véhicule.",
  "It shows a make and model only when it is certain; a guess is always marked as one.":
    "Il n’affiche une marque et un modèle que s’il en est certain ; une supposition est toujours signalée comme telle.",
  "Photos to analyze": "Photos à analyser",
  "Drop or paste photos here": "Déposez ou collez des photos ici",
  "Drop to add": "Relâchez pour ajouter",
  "Choose photos": "Choisir des photos",
  "Take a photo": "Prendre une photo",
  "Try an example": "Essayer un exemple",
  "A pickup": "Un pick-up",
  "A busy street": "Une rue animée",
  "A car it does not know": "Une voiture qu’il ne connaît pas",
  "Photos: Davis E. King (Boost Software License), ankandrew (MIT License)":
    "Photos : Davis E. King (Boost Software License), ankandrew (licence MIT)",
  "JPEG, PNG, WebP, GIF, BMP, TIFF, HEIC or AVIF": "JPEG, PNG, WebP, GIF, BMP, TIFF, HEIC ou AVIF",
  "Or photo URLs, one per line": "Ou des URL de photos, une par ligne",
  "Add URLs": "Ajouter les URL",
  "Photos to send, in this order": "Photos à envoyer, dans cet ordre",
  Mode: "Mode",
  "All vehicles": "Tous les véhicules",
  "All objects": "Tous les objets",
  "API key": "Clé d’API",
  "Only if this API requires one. It is sent as":
    "Seulement si cette API en exige une. Elle est envoyée dans l’en-tête",
  "and forgotten when you leave the page.": "et oubliée quand vous quittez la page.",
  Pause: "Pause",
  Resume: "Reprendre",
  Cancel: "Annuler",
  "Remove all": "Tout retirer",
  "Progress of the photos": "Progression des photos",
  "What the names cover.": "Ce que couvrent les noms.",
  "{cars} in {makes}": "{cars} de {makes}",
  "{n} car": "{n} voiture",
  "{n} cars": "{n} voitures",
  "{n} make": "{n} marque",
  "{n} makes": "{n} marques",
  "Search these cars": "Rechercher parmi ces voitures",
  "Carlens was not taught this car. It shows its kind, and perhaps the name of a similar one as a guess.":
    "Carlens n’a pas appris cette voiture. Il en montre la catégorie, et peut-être le nom d’une voiture ressemblante comme supposition.",
  "How certain the names are": "Certitude des noms",
  "Certain name": "Nom certain",
  "Kind only: no name is certain": "Catégorie seule : aucun nom certain",
  "Minimum confidence": "Confiance minimale",
  "Show only": "Afficher seulement",
  "Copy JSON": "Copier le JSON",
  "Download CSV": "Télécharger le CSV",
  "What the filters show": "Ce que montrent les filtres",
  Export: "Exporter",
  "What to export": "À exporter",
  Everything: "Tout",
  "Download JSON": "Télécharger le JSON",
  "Download COCO": "Télécharger le COCO",
  "Download pictures (ZIP)": "Télécharger les images (ZIP)",
  Makes: "Marques",
  "Photos to show": "Photos à afficher",
  All: "Toutes",
  "With results": "Avec résultats",
  Named: "Nommées",
  Uncertain: "Incertaines",
  "Sort by": "Trier par",
  "Order sent": "Ordre d’envoi",
  "File name": "Nom de fichier",
  Confidence: "Confiance",
  "Number found": "Nombre trouvé",
  "Photos with results": "Photos avec résultats",
  "No photo passes these filters.": "Aucune photo ne passe ces filtres.",
  "These photos and results are kept in this browser, on this device only, until you clear them.":
    "Ces photos et résultats sont conservés dans ce navigateur, sur cet appareil uniquement, jusqu’à ce que vous les effaciez.",
  "Clear photos and results": "Effacer photos et résultats",
  "All photos and results removed.": "Toutes les photos et tous les résultats ont été effacés.",
  "This browser has no room to keep these photos. A reload will lose them.":
    "Ce navigateur n’a pas la place de conserver ces photos. Recharger la page les perdra.",
  Enlarge: "Agrandir",
  Smaller: "Réduire",
  Larger: "Agrandir",
  "Whole photo": "Photo entière",
  "Previous photo": "Photo précédente",
  "Next photo": "Photo suivante",
  Close: "Fermer",
  Esc: "Échap",
  "Photo {n} of {total}": "Photo {n} sur {total}",
  Failed: "Échec",
  "Nothing found": "Rien trouvé",
  "Hidden by the filters": "Masqué par les filtres",
  "+{n}": "+{n}",
  "Drawing photo {i} of {n}…": "Dessin de la photo {i} sur {n}…",
  "Download annotated PNG": "Télécharger le PNG annoté",
  "The same request from your code": "La même requête depuis votre code",
  "A request from your code": "Une requête depuis votre code",
  "Programming language": "Langage de programmation",
  Copy: "Copier",
  "The API": "L’API",
  "API contract": "Contrat de l’API",
  Models: "Modèles",
  Health: "État",
  Views: "Vues",

  // Names
  Names: "Noms",
  "Match written names": "Reconnaître les noms saisis",
  "Match makes and models as people write them, with typos, trims and engines, to the names in a catalog table. A name without a close match stays empty.":
    "Faites correspondre des marques et modèles tels qu’on les écrit, avec fautes de frappe, finitions et motorisations, aux noms d’une table du catalogue. Un nom sans correspondance proche reste vide.",
  "One name, as you type": "Un nom, au fil de la saisie",
  Table: "Table",
  Make: "Marque",
  Model: "Modèle",
  "A whole file": "Un fichier entier",
  "Choose a CSV file": "Choisir un fichier CSV",
  "Enter a make, a model or both.": "Saisissez une marque, un modèle ou les deux.",
  "Nothing in this table is similar enough.": "Aucun nom de cette table n’est assez ressemblant.",
  "No model of this make is similar enough.":
    "Aucun modèle de cette marque n’est assez ressemblant.",
  Overall: "Total",
  Alternatives: "Autres possibilités",
  "A motorcycle that is not in this table.": "Une moto qui n’est pas dans cette table.",
  "A truck that is not in this table.": "Un camion qui n’est pas dans cette table.",
  "A bus that is not in this table.": "Un bus qui n’est pas dans cette table.",
  "A tractor that is not in this table.": "Un tracteur qui n’est pas dans cette table.",
  "A caravan or motorhome that is not in this table.":
    "Une caravane ou un camping-car qui n’est pas dans cette table.",
  "A trailer that is not in this table.": "Une remorque qui n’est pas dans cette table.",
  "A car that is not in this table.": "Une voiture qui n’est pas dans cette table.",
  "same model": "même modèle",
  "similar make": "marque proche",
  "Matching {name}…": "Recherche des noms de {name}…",
  "Matched {name} with the table {table}.":
    "Correspondances de {name} trouvées avec la table {table}.",
  "Scores are out of 100.": "Les scores sont sur 100.",
  "This file is larger than {max}. Split it and send the parts one at a time.":
    "Ce fichier dépasse {max}. Divisez-le et envoyez les parties une à une.",
  "Reference: {name}": "Référence : {name}",

  // Tray
  "{n} photo added.": "{n} photo ajoutée.",
  "{n} photos added.": "{n} photos ajoutées.",
  "{n} URL added.": "{n} URL ajoutée.",
  "{n} URLs added.": "{n} URL ajoutées.",
  "This line is not a URL. A URL starts with https:// or http://.":
    "Cette ligne n’est pas une URL. Une URL commence par https:// ou http://.",
  "These lines are not URLs. A URL starts with https:// or http://.":
    "Ces lignes ne sont pas des URL. Une URL commence par https:// ou http://.",
  "No preview": "Pas d’aperçu",
  "Not shown": "Non affichée",
  "Remove {name}": "Retirer {name}",
  "Removed {name}.": "{name} retirée.",
  "All photos removed.": "Toutes les photos ont été retirées.",
  "Find the vehicles": "Trouver les véhicules",
  "Find the vehicles in {n} photo": "Trouver les véhicules dans {n} photo",
  "Find the vehicles in {n} photos": "Trouver les véhicules dans {n} photos",
  "Find the objects": "Trouver les objets",
  "Find the objects in {n} photo": "Trouver les objets dans {n} photo",
  "Find the objects in {n} photos": "Trouver les objets dans {n} photos",
  "and {n} more": "et {n} de plus",
  "{n} large photo will be uploaded first.": "{n} grande photo sera d’abord téléversée.",
  "{n} large photos will be uploaded first.": "{n} grandes photos seront d’abord téléversées.",
  "{n} photo is larger than a request ({max}) and will be scaled down.":
    "{n} photo dépasse la limite d’une requête ({max}) et sera réduite.",
  "{n} photos are larger than a request ({max}) and will be scaled down.":
    "{n} photos dépassent la limite d’une requête ({max}) et seront réduites.",
  "Add a photo or a URL first.": "Ajoutez d’abord une photo ou une URL.",
  "Folders are not supported. Open the folder and drop its photos.":
    "Les dossiers ne sont pas pris en charge. Ouvrez le dossier et déposez ses photos.",

  // Request
  "This browser cannot scale down {name} ({size}). Convert it to JPEG or remove it.":
    "Ce navigateur ne peut pas réduire {name} ({size}). Convertissez la photo en JPEG ou retirez-la.",
  "The upload was refused ({code}). Send the photos again.":
    "L’envoi a été refusé ({code}). Renvoyez les photos.",
  "Analyzing the photos…": "Analyse des photos…",
  "{n} of {total}": "{n} sur {total}",
  "about {n} second left": "encore {n} seconde environ",
  "about {n} seconds left": "encore {n} secondes environ",
  "about {n} minute left": "encore {n} minute environ",
  "about {n} minutes left": "encore {n} minutes environ",
  "The server is busy or cannot be reached. Trying again in {n} second…":
    "Le serveur est occupé ou injoignable. Nouvel essai dans {n} seconde…",
  "The server is busy or cannot be reached. Trying again in {n} seconds…":
    "Le serveur est occupé ou injoignable. Nouvel essai dans {n} secondes…",
  "Paused.": "En pause.",
  "Canceled.": "Annulé.",
  "Done.": "Terminé.",
  "The server could not be reached. Check the connection and try again.":
    "Le serveur est injoignable. Vérifiez la connexion et réessayez.",
  "The server's answer could not be understood.": "La réponse du serveur est incompréhensible.",
  "This deployment requires you to identify yourself.": "Ce déploiement demande de s’identifier.",
  "This deployment refused the request.": "Ce déploiement a refusé la requête.",
  "The server does not know this address. Reload the page and try again.":
    "Le serveur ne connaît pas cette adresse. Rechargez la page et réessayez.",
  "The request is too large. Send fewer photos, or smaller ones.":
    "La requête est trop grande. Envoyez moins de photos, ou de plus petites.",
  "The server is receiving too many requests. Wait a few seconds and try again.":
    "Le serveur reçoit trop de requêtes. Attendez quelques secondes et réessayez.",
  "The server is not working properly at the moment. Try again in a few seconds.":
    "Le serveur ne fonctionne pas correctement en ce moment. Réessayez dans quelques secondes.",
  "The server is busy. Try again in a few seconds.":
    "Le serveur est occupé. Réessayez dans quelques secondes.",
  "The server took too long to answer. Send fewer photos, or smaller ones.":
    "Le serveur a mis trop de temps à répondre. Envoyez moins de photos, ou de plus petites.",
  "Something went wrong on the server. Try again in a few seconds.":
    "Une erreur s’est produite sur le serveur. Réessayez dans quelques secondes.",
  "The server cannot process this request.": "Le serveur ne peut pas traiter cette requête.",
  "The request failed.": "La requête a échoué.",
  "Reload the page": "Recharger la page",
  "Something went wrong on this page. Reload it and try again.":
    "Une erreur s’est produite sur cette page. Rechargez-la et réessayez.",
  "If this API requires a key, enter it under “API key” and try again.":
    "Si cette API exige une clé, saisissez-la sous « Clé d’API » et réessayez.",
  "request {id}": "requête {id}",

  // Results
  "{n} vehicle": "{n} véhicule",
  "{n} vehicles": "{n} véhicules",
  "No vehicles": "Aucun véhicule",
  "{n} object": "{n} objet",
  "{n} objects": "{n} objets",
  "No objects": "Aucun objet",
  "{found} in {n} photo": "{found} dans {n} photo",
  "{found} in {n} photos": "{found} dans {n} photos",
  ", {n} failed": ", {n} en échec",
  "{n} photo failed": "{n} photo en échec",
  "{n} photos failed": "{n} photos en échec",
  "0 of {found} passes the filters": "Les filtres masquent {found}",
  "0 of {found} pass the filters": "Les filtres masquent {found}",
  "{n} of {total} shown": "{n} sur {total}",
  "Send the failed ones again": "Renvoyer celles en échec",
  "{n} requests in {time}": "{n} requêtes en {time}",
  "Round trip {time}": "Aller-retour {time}",
  "Carlens {time}": "Carlens {time}",
  "read {time}": "lecture {time}",
  "decode {time}": "décodage {time}",
  "detect {time}": "détection {time}",
  "classify {time}": "classification {time}",
  "{width} × {height} pixels": "{width} × {height} pixels",
  "The detector found no vehicle in this photo.":
    "Le détecteur n’a trouvé aucun véhicule dans cette photo.",
  "The detector found nothing it knows in this photo.":
    "Le détecteur n’a rien trouvé qu’il connaisse dans cette photo.",
  "Nothing in this photo passes the filters; {n} hidden.":
    "Les filtres masquent tout dans cette photo : {n} en tout.",
  "Found in this photo": "Trouvés dans cette photo",
  "This browser cannot display this file.": "Ce navigateur ne peut pas afficher ce fichier.",
  "The photo at this URL cannot be displayed here.":
    "La photo à cette URL ne peut pas être affichée ici.",
  "Compressed before sending ({before} to {after}) to fit into one request.":
    "Compressée avant l’envoi ({before} à {after}) pour tenir dans une requête.",
  "Scaled down from {from} to {to} pixels before sending ({before} to {after}) to fit into one request. The boxes are mapped back to the original.":
    "Réduite de {from} à {to} pixels avant l’envoi ({before} à {after}) pour tenir dans une requête. Les cadres sont reportés sur l’original.",
  "Carlens cannot read this file as a photo": "Carlens ne peut pas lire ce fichier comme une photo",
  "This image format is not supported": "Ce format d’image n’est pas pris en charge",
  "This photo is too large": "Cette photo est trop grande",
  "This photo arrived damaged": "Cette photo est arrivée endommagée",
  "This URL is not allowed": "Cette URL n’est pas autorisée",
  "This URL could not be fetched": "Cette URL n’a pas pu être lue",
  "This upload is not accepted": "Cet envoi n’est pas accepté",
  "This upload was not found": "Cet envoi est introuvable",
  "Time ran out before this photo": "Le temps a manqué avant cette photo",
  "This photo failed": "Cette photo a échoué",
  "The answer has no result for this photo.":
    "La réponse ne contient aucun résultat pour cette photo.",
  "detected {share}": "détection {share}",
  "{kind}, detected {share}": "{kind}, détection {share}",
  "Perhaps {name} ({share})": "Peut-être {name} ({share})",
  "Boxes in {name}; use the arrow keys to move between them":
    "Cadres dans {name} ; les flèches passent de l’un à l’autre",
  certain: "certain",
  guess: "supposition",
  "Full names. The first is certain, the others are not:":
    "Noms complets. Le premier est certain, les autres non :",
  "Full names. All are guesses:": "Noms complets, tous supposés :",
  Copied: "Copié",
  "Copying is not allowed here": "La copie n’est pas autorisée ici",
  "{name} saved.": "{name} enregistré.",
  "{name} saved, without {n} photo that this browser cannot draw.":
    "{name} enregistré, sans {n} photo que ce navigateur ne peut pas dessiner.",
  "{name} saved, without {n} photos that this browser cannot draw.":
    "{name} enregistré, sans {n} photos que ce navigateur ne peut pas dessiner.",
  "A ZIP archive cannot be that large. Filter the photos and save in parts.":
    "Une archive ZIP ne peut pas être aussi grande. Filtrez les photos et enregistrez-les en plusieurs parties.",
  "{name} saved with the boxes only: that site does not allow this page to copy its photo. To get both, save the photo and send the file.":
    "{name} enregistré avec les cadres seuls : ce site n’autorise pas cette page à copier sa photo. Pour avoir les deux, enregistrez la photo et envoyez le fichier.",
  "{name} saved with the boxes only: this browser cannot display this file.":
    "{name} enregistré avec les cadres seuls : ce navigateur ne peut pas afficher ce fichier.",
  "The PNG could not be created: the photo is too large for this browser.":
    "Le PNG n’a pas pu être créé : la photo est trop grande pour ce navigateur.",

  // Code
  "Set the environment variable CARLENS_API_KEY to your API key first.":
    "Mettez d’abord votre clé d’API dans la variable d’environnement CARLENS_API_KEY.",
  "Replace YOUR_API_KEY with your API key.": "Remplacez YOUR_API_KEY par votre clé d’API.",
  "These files exceed the request limit of {max} and would be refused (413). Scale them down first, as this page did.":
    "Ces fichiers dépassent la limite de {max} par requête et seraient refusés (413). Réduisez-les d’abord, comme l’a fait cette page.",
  "Requires jq.": "Nécessite jq.",
  "Requires {client} from the repository, which uploads what exceeds a request.":
    "Nécessite {client} du dépôt, qui envoie d’abord ce qui dépasse une requête.",
  "The code scales large files down, as this page did.":
    "Le code réduit les grands fichiers, comme l’a fait cette page.",
  "Requires pip install {packages}.": "Nécessite pip install {packages}.",
  "For a page with a file input that accepts multiple files.":
    "Pour une page avec un champ de fichier qui en accepte plusieurs.",
  "Show people the field display: the name if it is certain, otherwise the kind.":
    "Montrez aux gens le champ display : le nom s’il est certain, sinon la catégorie.",
  "Save as carlens.mjs and run with Node.js 20 or later.":
    "À enregistrer comme carlens.mjs et à exécuter avec Node.js 20 ou plus récent.",

  // API
  "Loading the API contract…": "Chargement du contrat de l’API…",
  "version {version}": "version {version}",
  "On this page": "Sur cette page",
  "The API contract is in English.": "Le contrat de l’API est en anglais.",
  Parameters: "Paramètres",
  "Request body": "Corps de la requête",
  Answers: "Réponses",
  Errors: "Erreurs",
  Fields: "Champs",
  Example: "Exemple",
  required: "obligatoire",
  "Try it": "Essayer",
  "Body as": "Type du corps",
  "Photo files": "Fichiers photo",
  "Photo file": "Fichier photo",
  "CSV file": "Fichier CSV",
  "URLs, one per line": "URL, une par ligne",
  Send: "Envoyer",
  "Sending…": "Envoi…",
  default: "par défaut",
  "Answer to {route}": "Réponse à {route}",
  "Copy curl": "Copier la commande curl",

  // The answers of a file of names
  "CSV with commas, semicolons or tabs, with a make, a model or both in each row; up to 10,000 rows. They are matched with the chosen table. You can check and correct the answers before you download them.":
    "CSV à virgules, points-virgules ou tabulations, avec une marque, un modèle ou les deux par ligne ; 10 000 lignes au maximum. Elles sont comparées à la table choisie. Vous pouvez vérifier et corriger les réponses avant de les télécharger.",
  "No name is certain.": "Aucun nom n’est certain.",
  "Did you mean": "Vouliez-vous dire",
  Answer: "Réponse",
  Row: "Ligne",
  "Column {n}": "Colonne {n}",
  "Download the answers": "Télécharger les réponses",
  "Discard the answers that you checked?": "Abandonner les réponses que vous avez vérifiées ?",
  "Rows to show": "Lignes à afficher",
  "To check": "À vérifier",
  Doubtful: "Incertain",
  "Make only": "Marque seule",
  "No match": "Sans réponse",
  Empty: "Vide",
  Checked: "Vérifiées",
  "Checked by you": "Vérifié par vous",
  "Doubtful first": "Incertains d’abord",
  "No row passes this filter.": "Aucune ligne ne passe ce filtre.",
  "Pages of rows": "Pages de lignes",
  Previous: "Précédent",
  Next: "Suivant",
  "Rows {from} to {to} of {n}": "Lignes {from} à {to} sur {n}",
  Edit: "Modifier",
  "Edit row {n}": "Modifier la ligne {n}",
  "Written: {name}": "Saisi : {name}",
  "Also {n} other row written like this": "Aussi {n} autre ligne saisie de même",
  "Also {n} other rows written like this": "Aussi {n} autres lignes saisies de même",
  Save: "Enregistrer",
  "No name fits": "Aucun nom ne convient",
  Undo: "Revenir à la réponse",
  "{n} row checked.": "{n} ligne vérifiée.",
  "{n} rows checked.": "{n} lignes vérifiées.",
  "{n} row is undecided again.": "{n} ligne est de nouveau à décider.",
  "{n} rows are undecided again.": "{n} lignes sont de nouveau à décider.",

  // Redaction
  "Cover plates, faces and people": "Masquez plaques, visages et personnes",
  "Send photos and get them back with these covered, and without metadata such as the place and the time.":
    "Envoyez des photos : elles reviennent masquées, et sans métadonnées comme le lieu et l’heure.",
  Anonymize: "Anonymiser",
  Redact: "Masquer",
  "License plates": "Plaques d’immatriculation",
  Faces: "Visages",
  People: "Personnes",
  "Regions become": "Style du masque",
  Black: "Noir",
  Pixelated: "Pixelisé",
  Blurred: "Flou",
  Format: "Format",
  JPEG: "JPEG",
  PNG: "PNG",
  WebP: "WebP",
  "As sent": "Celui de l’original",
  "Pixelated and blurred regions keep average colors, and several photos of the same plate say more than one. Where something must not be known, use black.":
    "Les zones pixelisées ou floues gardent des couleurs moyennes, et plusieurs photos d’une même plaque en disent plus qu’une seule. Si rien ne doit se deviner, choisissez le noir.",
  "Choose what to redact first.": "Choisissez d’abord ce qu’il faut masquer.",
  "Redact the photos": "Masquer dans les photos",
  "Redact {n} photo": "Masquer dans {n} photo",
  "Redact {n} photos": "Masquer dans {n} photos",
  "Redacting the photos…": "Masquage dans les photos…",
  "{n} plate": "{n} plaque",
  "{n} plates": "{n} plaques",
  "{n} face": "{n} visage",
  "{n} faces": "{n} visages",
  "{n} person": "{n} personne",
  "{n} people": "{n} personnes",
  "This is help, not a guarantee: plates, faces and people can be missed. Look at every photo before you publish it.":
    "C’est une aide, pas une garantie : des plaques, des visages ou des personnes peuvent échapper au masquage. Regardez chaque photo avant de la publier.",
  "Download {n} redacted photo (ZIP)": "Télécharger {n} photo masquée (ZIP)",
  "Download {n} redacted photos (ZIP)": "Télécharger {n} photos masquées (ZIP)",
  "This photo was not redacted.": "Cette photo n’a pas été masquée.",
  "{name}, redacted": "{name}, masquée",
  "{name}, original": "{name}, originale",
  Download: "Télécharger",
  Redacted: "Masquée",
  Original: "Originale",
  Compare: "Comparer",
  "{share} original": "{share} de l’originale",
  "A photo sent by its URL has no original on this device.":
    "Une photo envoyée par son URL n’a pas d’original sur cet appareil.",
  "This browser cannot show the original beside the redacted photo.":
    "Ce navigateur ne peut pas afficher l’original à côté de la photo masquée.",
  "Scaled down from {from} to {to} pixels, to fit into the request and its answer.":
    "Réduite de {from} à {to} pixels, pour tenir dans la requête et sa réponse.",
  "The redacted photo could not be fetched. Send the photo again.":
    "La photo masquée n’a pas pu être récupérée. Renvoyez la photo.",
  "The redacted photo is too large for an answer":
    "La photo masquée est trop grande pour une réponse",
  "redact {time}": "masquage {time}",

  // Corrections
  "You say so; Carlens says: {name}": "Selon vous ; Carlens dit : {name}",
  "Not a vehicle": "Pas un véhicule",
  "Confirmed by you": "Confirmé par vous",
  "Corrected by you; Carlens says: {name}": "Corrigé par vous ; Carlens dit : {name}",
  Change: "Modifier",
  "Correct the name": "Corriger le nom",
  "Undo the correction": "Annuler la correction",
  "Confirm {name}": "Confirmer {name}",
  Corrected: "Corrigées",
  "Named by you": "Nommé par vous",
  "You named {n} vehicle.": "Vous avez nommé {n} véhicule.",
  "You named {n} vehicles.": "Vous avez nommé {n} véhicules.",
  "Download for teaching (ZIP)": "Télécharger pour l’apprentissage (ZIP)",
  "{n} model": "{n} modèle",
  "{n} models": "{n} modèles",
  "{name} saved: {vehicles} of {models}. Unpack it and run:":
    "{name} enregistré : {vehicles} de {models}. Décompressez-le et lancez :",
  "Teaching needs at least two models, each with two photos of different cars.":
    "L’apprentissage demande au moins deux modèles, avec pour chacun deux photos de voitures différentes.",
  "Only one photo: {names}.": "Une seule photo : {names}.",
  "Left out, because their site does not allow this page to copy them: {names}. Save these photos, add the files here and name the vehicles again.":
    "Omises, car leur site n’autorise pas cette page à les copier : {names}. Enregistrez ces photos, ajoutez les fichiers ici et nommez à nouveau les véhicules.",
  "Left out, because this browser cannot read them: {names}.":
    "Omises, car ce navigateur ne peut pas les lire : {names}.",

  // The integration guide
  "Integrate Carlens": "Intégrer Carlens",
  "POST photos to one address and read JSON. This is what a client needs to know.":
    "Envoyez des photos par POST à une seule adresse et lisez du JSON. Voici ce qu’un client doit savoir.",
  "Base URL": "URL de base",
  "If this API requires one, send it in the header {header}. Keep it on your server: visitors can read what a web page sends.":
    "Si cette API en exige une, envoyez-la dans l’en-tête {header}. Gardez-la sur votre serveur : les visiteurs peuvent lire ce qu’une page web envoie.",
  "Calls from web pages": "Appels depuis des pages web",
  "A page of another site can call this API if its owner allows the origin. It can read the headers {headers}.":
    "Une page d’un autre site peut appeler cette API si son propriétaire autorise l’origine. Elle peut lire les en-têtes {headers}.",
  Limits: "Limites",
  "{pictures} photos in a request, {size} together, {megapixels} megapixels each.":
    "{pictures} photos par requête, {size} au total, {megapixels} mégapixels chacune.",
  "Photos of up to {size} each can be uploaded first: see {route}.":
    "Des photos de {size} au maximum peuvent être téléversées d’abord : voir {route}.",
  Retries: "Nouveaux essais",
  "After 429, 503 or 504, wait for the seconds in {header}, or for 1, 2, 4 … seconds, and send the request again. After 504, send fewer photos. Other errors do not go away.":
    "Après 429, 503 ou 504, attendez le nombre de secondes de {header}, ou 1, 2, 4 … secondes, et renvoyez la requête. Après 504, envoyez moins de photos. Les autres erreurs ne disparaissent pas.",
  "A photo that fails has its own error, and the status stays 200: the other photos have their results.":
    "Une photo en échec a sa propre erreur, et le statut reste 200 : les autres photos ont leurs résultats.",
  Coordinates: "Coordonnées",
  "Bounding boxes are in pixels, from the top left corner of the upright photo. If you draw them yourself, rotate the photo by its EXIF orientation first.":
    "Les cadres sont en pixels, à partir du coin supérieur gauche de la photo redressée. Si vous les dessinez vous-même, tournez d’abord la photo selon son orientation EXIF.",
  "The point x1, y1 is the top left corner of a box, and x2, y2 its bottom right corner.":
    "Le point x1, y1 est le coin supérieur gauche d’un cadre, et x2, y2 son coin inférieur droit.",
  Formats: "Formats",
  "Photos: {formats}.": "Photos : {formats}.",
  "Answers: {detailed} for new clients. The default, {list}, is the short form of the original project.":
    "Réponses : {detailed} pour les nouveaux clients. {list}, par défaut, est la forme courte du projet d’origine.",
  Versions: "Versions",
  "Answers may gain fields, and routes may gain parameters, in every version: ignore fields that you do not know. The meaning of an error code never changes.":
    "Toute version peut ajouter des champs aux réponses et des paramètres aux routes : ignorez les champs que vous ne connaissez pas. Le sens d’un code d’erreur ne change jamais.",
  "Before 1.0, a minor version may change or remove something; the changelog lists it under “Breaking”. From 1.0 on, only a major version does.":
    "Avant la 1.0, une version mineure peut changer ou retirer quelque chose ; le journal des modifications l’indique sous « Breaking ». À partir de la 1.0, seule une version majeure le fait.",
};

/**
 * What the page says about an error, by its code. The server's message is in English.
 *
 * @type {Record<string, string>}
 */
export const ERROR_MESSAGES = {
  not_an_image: "Vérifiez le fichier : ce n’est pas une image, ou il est endommagé.",
  unsupported_image: "Envoyez du JPEG, PNG, WebP, GIF, BMP, TIFF, HEIC ou AVIF.",
  picture_too_large: "Réduisez la photo : 1600 pixels de large suffisent.",
  invalid_base64: "Renvoyez la photo.",
  url_refused: "Carlens ne lit jamais cette URL. Envoyez la photo elle-même.",
  url_failed: "Vérifiez que l’URL s’ouvre dans un navigateur, puis réessayez.",
  key_refused: "Cette API n’a pas donné cette clé. Renvoyez la photo.",
  key_not_found: "La photo envoyée a expiré ou n’est pas arrivée. Renvoyez-la.",
  deadline_exceeded: "Renvoyez cette photo avec moins d’autres.",
  answer_too_large:
    "La réponse n’a pas de place pour la photo masquée : envoyez moins de photos, ou de plus petites.",
  bad_request: "La requête est incompréhensible.",
  malformed_body: "Le corps de la requête ne correspond pas à son type.",
  invalid_parameter: "Un paramètre est hors de ses limites.",
  no_pictures: "La requête ne contient aucune photo.",
  no_rows: "La requête ne contient ni marque ni modèle : envoyez au moins une ligne.",
  unauthorized: "Ce déploiement demande de s’identifier.",
  forbidden: "Le pare-feu ou la clé d’API de ce déploiement refuse la requête.",
  not_found: "Cette route ou cette table n’existe pas.",
  method_not_allowed: "Cette route n’accepte pas cette méthode.",
  payload_too_large: "La requête est trop grande : envoyez moins de photos, ou de plus petites.",
  too_many_pictures: "Trop de photos dans une requête : envoyez-en moins à la fois.",
  too_many_rows:
    "Trop de lignes, ou de possibilités, dans une requête : répartissez-les sur plusieurs.",
  unsupported_media_type: "Carlens ne lit pas ce type de corps.",
  throttled: "Trop de requêtes en ce moment : attendez une seconde et réessayez.",
  quota_exceeded: "Le quota de la clé d’API est épuisé.",
  unavailable: "Trop de requêtes en même temps : réessayez dans quelques secondes.",
  internal_error: "Une erreur s’est produite sur le serveur : réessayez.",
  models_unavailable: "Les modèles ne peuvent pas être chargés : réessayez dans une minute.",
  table_unavailable:
    "La table ne peut pas être lue pour le moment, ou elle contient une erreur : réessayez.",
  timeout: "La réponse a pris trop de temps : envoyez moins de photos, ou de plus petites.",
};

/**
 * The limits of the models that come with Carlens, by model. Those of others stay in English.
 *
 * @type {Record<string, string>}
 */
export const MODEL_LIMITS = {
  "efficientnet-lite0-cars":
    "Le modèle connaît 196 voitures du marché américain, de 1991 à 2012, et 21 modèles vendus en Europe, et aucune autre voiture : aucune Peugeot, aucune Opel et presque aucune Citroën. Un nom qui n’est pas certain est une supposition.",
};

/**
 * The classes of COCO, which most detectors know.
 *
 * @type {Record<string, string>}
 */
export const CLASS_NAMES = Object.fromEntries(
  `person:personne bicycle:vélo car:voiture motorcycle:moto airplane:avion truck:camion
  boat:bateau traffic_light:feu_tricolore fire_hydrant:bouche_d’incendie stop_sign:panneau_stop
  parking_meter:parcmètre bench:banc bird:oiseau cat:chat dog:chien horse:cheval sheep:mouton
  cow:vache elephant:éléphant bear:ours zebra:zèbre giraffe:girafe backpack:sac_à_dos
  umbrella:parapluie handbag:sac_à_main tie:cravate suitcase:valise sports_ball:ballon
  kite:cerf-volant baseball_bat:batte_de_baseball baseball_glove:gant_de_baseball
  surfboard:planche_de_surf tennis_racket:raquette_de_tennis bottle:bouteille
  wine_glass:verre_à_vin cup:tasse fork:fourchette knife:couteau spoon:cuillère bowl:bol
  banana:banane apple:pomme broccoli:brocoli carrot:carotte hot_dog:hot-dog cake:gâteau
  chair:chaise couch:canapé potted_plant:plante_en_pot bed:lit dining_table:table toilet:toilettes
  tv:télé laptop:ordinateur_portable mouse:souris remote:télécommande keyboard:clavier
  cell_phone:téléphone microwave:micro-ondes oven:four toaster:grille-pain sink:évier
  refrigerator:réfrigérateur book:livre clock:horloge scissors:ciseaux teddy_bear:ours_en_peluche
  hair_drier:sèche-cheveux toothbrush:brosse_à_dents`
    .split(/\s+/)
    .map((pair) => pair.replaceAll("_", " ").split(":")),
);

/** Bytes, thousands and millions of them. */
export const BYTE_UNITS = ["o", "ko", "Mo"];
